"""What a model sees, against its baseline: analyses, and those of before."""

import asyncio

from turnout.drift.v1 import analysis_pb2 as rpc

from services.drift.analysis import analyse
from services.drift.asked import Asked
from services.drift.baselines import Baseline
from services.drift.buckets import Cover, cover
from services.drift.servicers.ground import Ground, iso
from services.drift.wire_result import Analysis, write_result
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.state import pages
from services.state.ids import new_uid
from services.state.moments import moment

DEFAULT_WINDOW = 3600.0
DEFAULT_PAGE, MAX_PAGE = 50, 100


class AnalysisRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def Analyze(self, request: rpc.AnalyzeRequest, _call: Call) -> rpc.AnalyzeResponse:
        """Compare the window with the active baseline, feature by feature, and keep the result."""
        window = self._window(request)
        model = await self._ground.model(request.model)
        baseline = await self._ground.baselines.get_active(model.name, model.uid)
        _check_features(request, baseline)
        profile = await self._ground.profiles.window(baseline, window)
        gaps = await self._ground.gaps.within(window)
        finding = await asyncio.to_thread(analyse, baseline, profile, Asked(tuple(request.features)))
        now = self._ground.now()
        result = write_result(Analysis(new_uid(now, self._ground.rng), baseline, window, finding, now, gaps))
        await self._ground.results.write(model.uid, result, now)
        await self._ground.verdicts.publish(model.uid, result)
        return rpc.AnalyzeResponse(result=result)

    async def GetLatestResult(
        self, request: rpc.GetLatestResultRequest, _call: Call
    ) -> rpc.GetLatestResultResponse:
        """The model's latest analysis."""
        model = await self._ground.model(request.model)
        return rpc.GetLatestResultResponse(result=await self._ground.results.latest(model.name, model.uid))

    async def GetResult(self, request: rpc.GetResultRequest, _call: Call) -> rpc.GetResultResponse:
        """One of the model's analyses."""
        model, result_id = await self._ground.child(request.name, "results")
        return rpc.GetResultResponse(result=await self._ground.results.get(model.name, model.uid, result_id))

    async def ListResults(self, request: rpc.ListResultsRequest, _call: Call) -> rpc.ListResultsResponse:
        """A page of the model's analyses, newest first."""
        model = await self._ground.model(request.model)
        size = min(pages.size(request.page_size, DEFAULT_PAGE), MAX_PAGE)
        filters = f"results {model.uid} {request.status}"
        last = pages.unseal(filters, request.page_token)
        page = await self._ground.results.page(model.uid, size, last, request.status)
        return rpc.ListResultsResponse(
            results=page.results, next_page_token=pages.seal(filters, page.last) if page.last else ""
        )

    def _window(self, request: rpc.AnalyzeRequest) -> Cover:
        now = self._ground.now()
        end = moment(request.end_time, "end_time") if request.HasField("end_time") else now
        start = end - DEFAULT_WINDOW
        if request.HasField("start_time"):
            start = moment(request.start_time, "start_time")
        if start >= end:
            said = f"must lie before end_time ({iso(end)}), got {iso(start)}"
            raise InvalidArgument(f"start_time {said}", fields=[("start_time", said)])
        return cover(start, end, now)


def _check_features(request: rpc.AnalyzeRequest, baseline: Baseline) -> None:
    known = {feature.name for feature in baseline.features}
    for index, name in enumerate(request.features):
        if name not in known:
            said = f"{name!r} is no feature of {baseline.name}; it has {', '.join(sorted(known)[:20])}"
            raise InvalidArgument(f"features[{index}] {said}", fields=[(f"features[{index}]", said)])
