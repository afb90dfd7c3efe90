"""What a model is compared with."""

import asyncio
from collections.abc import Mapping

from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.baseline_pb2 import Baseline as BaselineMessage
from turnout.router.v1.model_pb2 import Model

from services.drift.baselines import Baseline, Role, Source, measure_columns
from services.drift.segments import segment_asked
from services.drift.servicers.ground import Ground
from services.drift.wire import read_columns, write_baseline
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.state import pages
from services.state.ids import new_uid
from services.state.names import ID, ID_RULE
from services.state.once import once

DEFAULT_PAGE, MAX_PAGE = 50, 100


class BaselineRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def CreateBaseline(
        self, request: rpc.CreateBaselineRequest, call: Call
    ) -> rpc.CreateBaselineResponse:
        """Freeze cells at the columns, count them, and compare the model with them from now on."""
        change = once("CreateBaseline", request, call.caller.name)
        model = await self._ground.model(request.model)
        made = await self._measured(request, model)
        kept, activated = await self._ground.baselines.create([made], change)
        if (request.activate or not request.HasField("activate")) and not activated:
            await self._ground.baselines.activate(kept, change)
        return rpc.CreateBaselineResponse(baseline=await self._shown(kept[0]))

    async def GetBaseline(self, request: rpc.GetBaselineRequest, _call: Call) -> rpc.GetBaselineResponse:
        """A baseline, by its name."""
        model, baseline_id = await self._ground.child(request.name, "baselines")
        found = await self._ground.baselines.get(model.name, model.uid, baseline_id)
        return rpc.GetBaselineResponse(baseline=await self._shown(found))

    async def GetActiveBaseline(
        self, request: rpc.GetActiveBaselineRequest, _call: Call
    ) -> rpc.GetActiveBaselineResponse:
        """The baseline that the model is compared with."""
        model = await self._ground.model(request.model)
        segment = segment_asked(request)
        found = await self._ground.baselines.get_active(model.name, model.uid, segment)
        return rpc.GetActiveBaselineResponse(baseline=write_baseline(found, active=True))

    async def SetActiveBaseline(
        self, request: rpc.SetActiveBaselineRequest, _call: Call
    ) -> rpc.SetActiveBaselineResponse:
        """Compare the model with another baseline; the profiles of the one before are kept."""
        model = await self._ground.model(request.model)
        found = await self._ground.baselines.get(model.name, model.uid, _baseline_id(request.baseline_id))
        await self._ground.baselines.activate([found])
        return rpc.SetActiveBaselineResponse(baseline=write_baseline(found, active=True))

    async def ListBaselines(
        self, request: rpc.ListBaselinesRequest, _call: Call
    ) -> rpc.ListBaselinesResponse:
        """A page of the model's baselines, newest first."""
        model = await self._ground.model(request.model)
        size = min(pages.size(request.page_size, DEFAULT_PAGE), MAX_PAGE)
        segment = segment_asked(request)
        filters = f"baselines {model.uid} {segment}"
        last = pages.unseal(filters, request.page_token)
        ids = await self._ground.baselines.ids(model.uid, segment)
        rest = ids[ids.index(last) + 1 :] if last in ids else ids
        shown = await self._ground.baselines.get_many(model.uid, rest[:size]) if rest else []
        actives = (await self._ground.baselines.actives([model.uid])).get(model.uid, {})
        active = {one.uid for one in actives.values()}
        return rpc.ListBaselinesResponse(
            baselines=[write_baseline(one, active=one.uid in active) for one in shown if one],
            next_page_token=pages.seal(filters, rest[size - 1]) if len(rest) > size else "",
        )

    async def DeleteBaseline(
        self, request: rpc.DeleteBaselineRequest, _call: Call
    ) -> rpc.DeleteBaselineResponse:
        """Remove a baseline, and what was counted on it; by force also the active one."""
        model, baseline_id = await self._ground.child(request.name, "baselines")
        found = await self._ground.baselines.get(model.name, model.uid, baseline_id)
        # In this order: who dies on the way leaves a baseline that can be deleted again.
        if request.force:
            await self._ground.baselines.retire(found)
        await self._ground.baselines.check_idle(found)
        await self._ground.profiles.forget(found.uid)
        await self._ground.baselines.delete(found)
        return rpc.DeleteBaselineResponse()

    async def _measured(self, request: rpc.CreateBaselineRequest, model: Model) -> Baseline:
        numeric, categorical = read_columns(request.columns)
        declared = [feature.name for feature in model.signature.features]
        # Up to a second for a wide table: others want to be answered meanwhile.
        rows, features = await asyncio.to_thread(
            measure_columns, numeric, categorical, request.importance, declared, _roles(request)
        )
        now = self._ground.now()
        uid = new_uid(now, self._ground.rng)
        own = _baseline_id(request.baseline_id) if request.baseline_id else f"b-{uid}"
        return Baseline(
            uid,
            own,
            model.name,
            model.uid,
            rows,
            features,
            now,
            request.description,
            segment_asked(request),
            Source.COLUMNS,
        )

    async def _shown(self, baseline: Baseline) -> BaselineMessage:
        return write_baseline(baseline, active=await self._ground.baselines.is_active(baseline))


def _roles(request: rpc.CreateBaselineRequest) -> Mapping[str, Role]:
    """What the model's outputs are called. Raises InvalidArgument for a column that is not there."""
    asked = {
        "prediction_column": (request.prediction_column, [*request.columns.categorical], "categorical"),
        "score_column": (request.score_column, [*request.columns.numeric], "numeric"),
    }
    for field, (name, columns, kind) in asked.items():
        if name and name not in columns:
            said = f"{name!r} is no {kind} column; those are {', '.join(sorted(columns)[:20]) or 'none'}"
            raise InvalidArgument(f"{field} {said}", fields=[(field, said)])
    roles = {request.prediction_column: Role.PREDICTION, request.score_column: Role.SCORE}
    return {name: role for name, role in roles.items() if name}


def _baseline_id(given: str) -> str:
    if not ID.fullmatch(given):
        said = f"must be {ID_RULE}; got {given[:100]!r}"
        raise InvalidArgument(f"baseline_id {said}", fields=[("baseline_id", said)])
    return given
