"""DriftService: what people and programs ask of drift."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime

from turnout.drift.v1 import drift_service_pb2 as rpc
from turnout.drift.v1.baseline_pb2 import Baseline as BaselineMessage
from turnout.router.v1.model_pb2 import Model

from services.drift.analysis import analyse
from services.drift.baseline_store import BaselineStore
from services.drift.baselines import Baseline, measure_columns
from services.drift.buckets import Cover, cover
from services.drift.gaps import GapStore
from services.drift.profile_store import ProfileStore
from services.drift.result_store import ResultStore
from services.drift.truths import Truths
from services.drift.wire import read_columns, write_baseline
from services.drift.wire_result import Analysis, write_result
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.state import pages
from services.state.config_reader import ConfigReader
from services.state.ids import new_uid
from services.state.moments import moment
from services.state.names import ID, ID_RULE, resource_name
from services.state.once import once
from services.state.verdicts import VerdictStore

DEFAULT_WINDOW = 3600.0
DEFAULT_PAGE, MAX_PAGE = 50, 100


class DriftServicer:
    """Each method: parse, load, decide, save, reply."""

    SERVICE = "turnout.drift.v1.DriftService"

    def __init__(
        self,
        models: ConfigReader[Model],
        baselines: BaselineStore,
        profiles: ProfileStore,
        gaps: GapStore,
        results: ResultStore,
        verdicts: VerdictStore,
        truths: Truths,
        now: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._models = models
        self._baselines = baselines
        self._profiles = profiles
        self._gaps = gaps
        self._results = results
        self._verdicts = verdicts
        self._truths = truths
        self._now = now
        self._rng = rng

    async def CreateBaseline(
        self, request: rpc.CreateBaselineRequest, call: Call
    ) -> rpc.CreateBaselineResponse:
        """Freeze cells at the columns, count them, and compare the model with them from now on."""
        change = once("CreateBaseline", request, call.caller.name)
        model = await self._model(request.model)
        made = await self._measured(request, model)
        kept, activated = await self._baselines.create(made, change)
        if (request.activate or not request.HasField("activate")) and not activated:
            await self._baselines.activate(kept, change)
        return rpc.CreateBaselineResponse(baseline=await self._shown(kept))

    async def GetActiveBaseline(
        self, request: rpc.GetActiveBaselineRequest, _call: Call
    ) -> rpc.GetActiveBaselineResponse:
        """The baseline that the model is compared with."""
        model = await self._model(request.model)
        found = await self._baselines.get_active(model.name, model.uid)
        return rpc.GetActiveBaselineResponse(baseline=write_baseline(found, active=True))

    async def SetActiveBaseline(
        self, request: rpc.SetActiveBaselineRequest, _call: Call
    ) -> rpc.SetActiveBaselineResponse:
        """Compare the model with another baseline; the profiles of the one before are kept."""
        model = await self._model(request.model)
        found = await self._baselines.get(model.name, model.uid, _baseline_id(request.baseline_id))
        await self._baselines.activate(found)
        return rpc.SetActiveBaselineResponse(baseline=write_baseline(found, active=True))

    async def ListBaselines(
        self, request: rpc.ListBaselinesRequest, _call: Call
    ) -> rpc.ListBaselinesResponse:
        """A page of the model's baselines, newest first."""
        model = await self._model(request.model)
        size = min(pages.size(request.page_size, DEFAULT_PAGE), MAX_PAGE)
        last = pages.unseal(f"baselines {model.uid}", request.page_token)
        ids = await self._baselines.ids(model.uid)
        rest = ids[ids.index(last) + 1 :] if last in ids else ids
        shown = await self._baselines.get_many(model.uid, rest[:size]) if rest else []
        active = (await self._baselines.active([model.uid])).get(model.uid)
        return rpc.ListBaselinesResponse(
            baselines=[
                write_baseline(one, active=active is not None and active.uid == one.uid)
                for one in shown
                if one
            ],
            next_page_token=pages.seal(f"baselines {model.uid}", rest[size - 1]) if len(rest) > size else "",
        )

    async def Analyze(self, request: rpc.AnalyzeRequest, _call: Call) -> rpc.AnalyzeResponse:
        """Compare the window with the active baseline, feature by feature, and keep the result."""
        window = self._window(request)
        model = await self._model(request.model)
        baseline = await self._baselines.get_active(model.name, model.uid)
        _check_features(request, baseline)
        profile = await self._profiles.window(baseline, window)
        gaps = await self._gaps.within(window)
        finding = await asyncio.to_thread(analyse, baseline, profile, request.features)
        now = self._now()
        result = write_result(Analysis(new_uid(now, self._rng), baseline, window, finding, now, gaps))
        await self._results.write(model.uid, result)
        await self._verdicts.publish(model.uid, result)
        return rpc.AnalyzeResponse(result=result)

    async def GetLatestResult(
        self, request: rpc.GetLatestResultRequest, _call: Call
    ) -> rpc.GetLatestResultResponse:
        """The model's latest analysis."""
        model = await self._model(request.model)
        return rpc.GetLatestResultResponse(result=await self._results.latest(model.name, model.uid))

    async def AddGroundTruth(
        self, request: rpc.AddGroundTruthRequest, _call: Call
    ) -> rpc.AddGroundTruthResponse:
        """Append what turned out to be true to the one truth stream."""
        return await self._truths.add(request)

    async def _model(self, given: str) -> Model:
        return await self._models.read(resource_name("models", given, "model"), field="model")

    async def _measured(self, request: rpc.CreateBaselineRequest, model: Model) -> Baseline:
        numeric, categorical = read_columns(request.columns)
        declared = [feature.name for feature in model.signature.features]
        # Up to a second for a wide table: others want to be answered meanwhile.
        rows, features = await asyncio.to_thread(
            measure_columns, numeric, categorical, request.importance, declared
        )
        now = self._now()
        uid = new_uid(now, self._rng)
        own = _baseline_id(request.baseline_id) if request.baseline_id else f"b-{uid}"
        return Baseline(uid, own, model.name, model.uid, rows, features, now, request.description)

    async def _shown(self, baseline: Baseline) -> BaselineMessage:
        active = (await self._baselines.active([baseline.model_uid])).get(baseline.model_uid)
        return write_baseline(baseline, active=active is not None and active.uid == baseline.uid)

    def _window(self, request: rpc.AnalyzeRequest) -> Cover:
        now = self._now()
        end = moment(request.end_time, "end_time") if request.HasField("end_time") else now
        start = end - DEFAULT_WINDOW
        if request.HasField("start_time"):
            start = moment(request.start_time, "start_time")
        if start >= end:
            said = f"must lie before end_time ({_iso(end)}), got {_iso(start)}"
            raise InvalidArgument(f"start_time {said}", fields=[("start_time", said)])
        return cover(start, end, now)


def _baseline_id(given: str) -> str:
    if not ID.fullmatch(given):
        said = f"must be {ID_RULE}; got {given[:100]!r}"
        raise InvalidArgument(f"baseline_id {said}", fields=[("baseline_id", said)])
    return given


def _check_features(request: rpc.AnalyzeRequest, baseline: Baseline) -> None:
    known = {feature.name for feature in baseline.features}
    for index, name in enumerate(request.features):
        if name not in known:
            said = f"{name!r} is no feature of {baseline.name}; it has {', '.join(sorted(known)[:20])}"
            raise InvalidArgument(f"features[{index}] {said}", fields=[(f"features[{index}]", said)])


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
