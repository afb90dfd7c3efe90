"""What a model is compared with."""

from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.baseline_pb2 import Baseline as BaselineMessage

from services.drift.baselines import Baseline
from services.drift.errors import BaselineInUse
from services.drift.making.maker import baseline_id, counted_anyway
from services.drift.segments import segment_asked
from services.drift.servicers.creations import CreationRpcs
from services.drift.servicers.ground import Ground
from services.drift.wire import show_baseline, write_baseline
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.state import pages

DEFAULT_PAGE, MAX_PAGE = 50, 100


class BaselineRpcs(CreationRpcs):
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

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
        """Compare the model with another baseline, or count its traffic on it beside the active one; the
        profiles of the one before are kept."""
        own, beside = _required(request.baseline_id), _beside(request)
        model = await self._ground.model(request.model)
        found = await self._ground.baselines.get(model.name, model.uid, own)
        if beside is None:
            await self._ground.baselines.activate([found])
        elif beside:
            await self._ground.baselines.count([found])
        else:
            await self._stop_counting(found)
        return rpc.SetActiveBaselineResponse(baseline=await self._shown(found))

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
        counted = await self._ground.baselines.counted(model.uid)
        return rpc.ListBaselinesResponse(
            baselines=[show_baseline(one, counted) for one in shown if one],
            next_page_token=pages.seal(filters, rest[size - 1]) if len(rest) > size else "",
        )

    async def DeleteBaseline(
        self, request: rpc.DeleteBaselineRequest, _call: Call
    ) -> rpc.DeleteBaselineResponse:
        """Remove a baseline, and what was counted on it; by force also the active one."""
        model, baseline_id = await self._ground.child(request.name, "baselines")
        found = await self._ground.baselines.get(model.name, model.uid, baseline_id)
        # In this order: who dies on the way leaves a baseline that can be deleted again.
        await self._ground.baselines.release(found, force=request.force)
        await self._ground.baselines.discount(found)
        await self._ground.profiles.forget(found.uid)
        await self._ground.baselines.delete(found)
        return rpc.DeleteBaselineResponse()

    async def _shown(self, baseline: Baseline) -> BaselineMessage:
        return show_baseline(baseline, await self._ground.baselines.counted(baseline.model_uid))

    async def _stop_counting(self, baseline: Baseline) -> None:
        if (await self._ground.baselines.counted(baseline.model_uid)).is_active(baseline):
            said = f"cannot be false while {baseline.name} is active; make another one active first"
            raise BaselineInUse(f"counted {said}", fields=[("counted", said)], baseline=baseline.name)
        await self._ground.baselines.discount(baseline)


def _beside(request: rpc.SetActiveBaselineRequest) -> bool | None:
    """Whether to count on it beside the active one; None where it is to be active. Raises InvalidArgument."""
    if request.activate or not request.HasField("activate"):
        if request.HasField("counted"):
            raise counted_anyway()
        return None
    if not request.HasField("counted"):
        said = (
            "is required where activate is false: true counts traffic on it beside the active one, and false "
            "no longer"
        )
        raise InvalidArgument(f"counted {said}", fields=[("counted", said)])
    return request.counted


def _required(given: str) -> str:
    if not given:
        raise InvalidArgument("baseline_id is required", fields=[("baseline_id", "is required")])
    return baseline_id(given)
