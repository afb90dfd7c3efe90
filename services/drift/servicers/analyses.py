"""What a model sees, against its baseline: analyses, and those of before."""

import asyncio
from dataclasses import replace

from turnout.drift.v1 import analysis_pb2 as rpc
from turnout.drift.v1.result_pb2 import DriftStatus
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_refusals import nothing_active
from services.drift.baselines import Baseline, Segment
from services.drift.buckets import MAX_AHEAD, Cover, cover
from services.drift.comparisons import (
    ONE_OF_TWO,
    Comparison,
    baseline_named,
    comparison_asked,
    no_contradiction,
    of_that_segment,
)
from services.drift.errors import ResultNotFound
from services.drift.inquiry import Inquiry
from services.drift.reading import Reading, Wanted
from services.drift.segments import segment_asked
from services.drift.servicers.ground import Ground
from services.drift.wire_asked import read_asked
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.foundation.rules import Role
from services.state import pages
from services.state.moments import iso, moment
from services.state.names import resource_name

DEFAULT_WINDOW = 3600.0
DEFAULT_PAGE, MAX_PAGE = 50, 100


class AnalysisRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def Analyze(self, request: rpc.AnalyzeRequest, call: Call) -> rpc.AnalyzeResponse:
        """Compare the window with a baseline or with another model, column by column, and keep the result."""
        asked, segment = read_asked(request), segment_asked(request)
        window = self._window(request)
        model, ahead = await asyncio.gather(
            self._ground.model(request.model), self._ahead(request, window, segment)
        )
        baseline = await self._baseline(request, model, segment)
        reference = await self._reference(request.reference_model, model, call)
        inquiry = Inquiry(model, window, asked, segment, reference, baseline)
        response = rpc.AnalyzeResponse()
        await self._ground.inquirer.answer(inquiry, ahead, response.result)
        return response

    async def GetLatestResult(
        self, request: rpc.GetLatestResultRequest, _call: Call
    ) -> rpc.GetLatestResultResponse:
        """The model's latest analysis of the comparison that is asked for."""
        model = await self._ground.model(request.model)
        asked = comparison_asked(request, model)
        if not asked.reference_model:
            asked = await self._with_uid(asked, model)
        result = await self._ground.results.latest(model.name, model.uid, asked)
        return rpc.GetLatestResultResponse(result=result)

    async def GetResult(self, request: rpc.GetResultRequest, _call: Call) -> rpc.GetResultResponse:
        """One of the model's analyses."""
        model, result_id = await self._ground.child(request.name, "results")
        return rpc.GetResultResponse(result=await self._ground.results.get(model.name, model.uid, result_id))

    async def ListResults(self, request: rpc.ListResultsRequest, _call: Call) -> rpc.ListResultsResponse:
        """A page of the model's analyses, newest first."""
        model = await self._ground.model(request.model)
        size = min(pages.size(request.page_size, DEFAULT_PAGE), MAX_PAGE)
        no_contradiction(request)
        asked = None if request.all_comparisons else comparison_asked(request, model)
        if request.status not in DriftStatus.values():
            known = f"is one of {', '.join(DriftStatus.keys()[1:])}; got {request.status}"
            raise InvalidArgument(f"status {known}", fields=[("status", known)])
        filters = f"results {model.uid} {request.status} {asked and (asked.about, asked.baseline)}"
        last = pages.unseal(filters, request.page_token)
        page = await self._ground.results.page(model.uid, size, last, request.status, asked)
        return rpc.ListResultsResponse(
            results=page.results, next_page_token=pages.seal(filters, page.last) if page.last else ""
        )

    async def _with_uid(self, asked: Comparison, model: Model) -> Comparison:
        """The same with the one baseline that is meant: what an analysis of a former one said, also of one of
        the same id, is no word on it. Raises ResultNotFound where nothing is active."""
        if asked.baseline:
            (named,) = await self._ground.baselines.get_many(model.uid, [asked.baseline])
            return replace(asked, uid=named.uid if named else "")
        actives = (await self._ground.baselines.actives([model.uid])).get(model.uid, {})
        if active := actives.get(asked.segment):
            return replace(asked, baseline=active.id, uid=active.uid)
        missing = nothing_active(model.name, asked.segment, actives)
        said = f"{missing.message}. Then call Analyze; of a former baseline name it (baseline)"
        raise ResultNotFound(said, model=model.name)

    def _window(self, request: rpc.AnalyzeRequest) -> Cover:
        now = self._ground.now()
        end = moment(request.end_time, "end_time") if request.HasField("end_time") else now
        start = end - DEFAULT_WINDOW
        if request.HasField("start_time"):
            start = moment(request.start_time, "start_time")
        if start >= end:
            said = f"must lie before end_time ({iso(end)}), got {iso(start)}"
            raise InvalidArgument(f"start_time {said}", fields=[("start_time", said)])
        if start > now + MAX_AHEAD:
            field = "start_time" if request.HasField("start_time") else "end_time"
            said = (
                f"must not lie in the future: the window would begin {iso(start)}, and now it is {iso(now)}"
            )
            raise InvalidArgument(f"{field} {said}", fields=[(field, said)])
        return cover(start, end, now)

    async def _ahead(
        self, request: rpc.AnalyzeRequest, window: Cover, segment: Segment | None
    ) -> Reading | None:
        """What is read while it is asked which model has the name; None where a baseline is named."""
        if request.baseline:
            return None
        name = resource_name("models", request.model, "model")
        return await self._ground.inquirer.reader.ahead(name, Wanted(window, segment))

    async def _baseline(
        self, request: rpc.AnalyzeRequest, model: Model, segment: Segment | None
    ) -> Baseline | None:
        """The baseline that is named; None where that is the active one. Raises InvalidArgument,
        BaselineNotFound."""
        if not request.baseline:
            return None
        if request.reference_model:
            raise InvalidArgument(f"baseline {ONE_OF_TWO}", fields=[("baseline", ONE_OF_TWO)])
        own = baseline_named(request.baseline, model)
        found = await self._ground.baselines.get(model.name, model.uid, own)
        of_that_segment(found, segment)
        return None if (await self._ground.baselines.counted(model.uid)).is_active(found) else found

    async def _reference(self, given: str, model: Model, call: Call) -> Model | None:
        """The other model, which the caller must be allowed to see. Raises InvalidArgument, ModelNotFound."""
        if not given:
            return None
        permissions = self._ground.intake.permissions
        if permissions is not None:
            permissions.require(call.caller, Role.VIEWER, "models", given, "reference_model")
        name = resource_name("models", given, "reference_model")
        found = await self._ground.models.read(name, field="reference_model")
        if found.uid == model.uid:
            said = "is the model itself; name another one, or leave it out to compare with the baseline"
            raise InvalidArgument(f"reference_model {said}", fields=[("reference_model", said)])
        return found
