"""RouterService: configurations and their lifecycle."""

import random
import time
from collections.abc import Callable
from typing import Any

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.router import lifecycle
from services.router.changes import set_weight, set_weights, toggle
from services.router.config.defaults import with_defaults
from services.router.config.resources import fresh
from services.router.config.validate import validate
from services.router.failures import PredictionNotFound
from services.router.rollout import LONGEST_WAIT, Rollouts
from services.state.config_reader import ConfigReader
from services.state.configs import ConfigStore, Written
from services.state.moments import moment, span
from services.state.names import resource_name
from services.state.once import once
from services.state.records import RecordStore

DEFAULT_WAIT = 10.0


class RouterService:
    """A mutation reads the stored router, changes a copy, checks the whole, and writes it under its etag."""

    SERVICE = "turnout.router.v1.RouterService"

    def __init__(
        self,
        routers: ConfigStore[Router],
        models: ConfigReader[Model],
        records: RecordStore,
        rollouts: Rollouts,
        rng: random.Random,
    ) -> None:
        self._routers = routers
        self._models = models
        self._records = records
        self._rollouts = rollouts
        self._rng = rng

    async def CreateRouter(self, request: rpc.CreateRouterRequest, call: Call) -> rpc.CreateRouterResponse:
        """Fill in the defaults, check, store."""
        asked = once("CreateRouter", request, call.caller.name)
        if done := await self._routers.repeated(asked):
            return rpc.CreateRouterResponse(router=done)
        given = request.router_id
        if not (given or request.router.name):
            given = f"router-{self._rng.getrandbits(40):010x}"
        router = with_defaults(fresh(request.router, "routers", given, "router_id"))
        named = {variant.model for variant in router.variants}
        validate(router, {name for name in named if await self._models.find(name) is not None})
        router.state, router.owner = lifecycle.REGISTERED, call.caller.name
        written = await self._routers.create(router, asked, validate_only=request.validate_only)
        return rpc.CreateRouterResponse(router=written.message)

    async def GetRouter(self, request: rpc.GetRouterRequest, call: Call) -> rpc.GetRouterResponse:
        """Read by name."""
        return rpc.GetRouterResponse(router=await self._routers.read(_name(request)))

    async def ListRouters(self, request: rpc.ListRoutersRequest, call: Call) -> rpc.ListRoutersResponse:
        """A page by name, of one state or tag where asked for."""
        state, tag = request.state, request.tag
        page = await self._routers.list(
            request.page_size,
            request.page_token,
            filters=f"{state} {tag}",
            keep=lambda router: (not state or router.state == state) and (not tag or tag in router.tags),
            deleted=request.show_deleted,
        )
        return rpc.ListRoutersResponse(routers=page.items, next_page_token=page.next_page_token)

    async def DeployRouter(self, request: rpc.DeployRouterRequest, call: Call) -> rpc.DeployRouterResponse:
        """Bring it to every live replica."""
        wait = span(request.wait, "wait") if request.HasField("wait") else DEFAULT_WAIT
        if not 0 <= wait <= LONGEST_WAIT:
            said = f"0 to {LONGEST_WAIT:g} s, got {wait:g} s"
            raise InvalidArgument(f"wait: {said}", fields=[("wait", said)])
        return rpc.DeployRouterResponse(router=await self._deploy("deploy", request, call, wait))

    async def StartRouter(self, request: rpc.StartRouterRequest, call: Call) -> rpc.StartRouterResponse:
        """Bring a stopped one back to every live replica."""
        return rpc.StartRouterResponse(router=await self._deploy("start", request, call, DEFAULT_WAIT))

    async def StopRouter(self, request: rpc.StopRouterRequest, call: Call) -> rpc.StopRouterResponse:
        """Take it out of service; its configuration stays."""
        written = await self._update(
            request, call, lambda router: lifecycle.advance(router, "stop"), state=True
        )
        return rpc.StopRouterResponse(router=written.message)

    async def DeleteRouter(self, request: rpc.DeleteRouterRequest, call: Call) -> rpc.DeleteRouterResponse:
        """Stop it and delete it softly, in one write."""
        name, asked = _name(request), once("DeleteRouter", request, call.caller.name)
        if request.validate_only:
            return rpc.DeleteRouterResponse(router=await self._routers.read(name))
        written = await self._routers.delete(name, etag=request.etag, once=asked, change=lifecycle.retire)
        return rpc.DeleteRouterResponse(router=written.message)

    async def UndeleteRouter(
        self, request: rpc.UndeleteRouterRequest, call: Call
    ) -> rpc.UndeleteRouterResponse:
        """Take a deletion back; the router comes back stopped."""
        name, asked = _name(request), once("UndeleteRouter", request, call.caller.name)
        if request.validate_only:
            return rpc.UndeleteRouterResponse(router=await self._routers.read(name, deleted=True))
        written = await self._routers.undelete(name, etag=request.etag, once=asked)
        return rpc.UndeleteRouterResponse(router=written.message)

    async def UpdateVariantWeight(
        self, request: rpc.UpdateVariantWeightRequest, call: Call
    ) -> rpc.UpdateVariantWeightResponse:
        """One weight, 0 to 100."""
        written = await self._update(
            request, call, lambda router: set_weight(router, request.variant, request.weight)
        )
        return rpc.UpdateVariantWeightResponse(router=written.message)

    async def SetWeights(self, request: rpc.SetWeightsRequest, call: Call) -> rpc.SetWeightsResponse:
        """Several weights in one generation."""
        written = await self._update(request, call, lambda router: set_weights(router, dict(request.weights)))
        return rpc.SetWeightsResponse(router=written.message)

    async def ToggleVariant(self, request: rpc.ToggleVariantRequest, call: Call) -> rpc.ToggleVariantResponse:
        """Enable or disable a variant."""
        written = await self._update(
            request, call, lambda router: toggle(router, request.variant, request.enabled)
        )
        return rpc.ToggleVariantResponse(router=written.message)

    async def GetPrediction(self, request: rpc.GetPredictionRequest, call: Call) -> rpc.GetPredictionResponse:
        """Read one, a failed one too."""
        record = await self._records.read(request.prediction_id)
        if record is None:
            said = f"there is no record of prediction {request.prediction_id}, or not yet"
            raise PredictionNotFound(said, prediction_id=request.prediction_id)
        return rpc.GetPredictionResponse(prediction=record)

    async def ListPredictions(
        self, request: rpc.ListPredictionsRequest, call: Call
    ) -> rpc.ListPredictionsResponse:
        """A page of a router's, newest first."""
        router = await self._routers.read(resource_name("routers", request.router, "router"), field="router")
        variant = request.variant
        page = await self._records.list(
            router.uid,
            time.time(),
            start=moment(request.start_time, "start_time") if request.HasField("start_time") else 0.0,
            end=moment(request.end_time, "end_time") if request.HasField("end_time") else None,
            page_size=request.page_size,
            page_token=request.page_token,
            filters=variant,
            keep=lambda record: not variant or record.event.manifest.decision.variant == variant,
        )
        return rpc.ListPredictionsResponse(predictions=page.records, next_page_token=page.next_page_token)

    async def _update(
        self, request: Any, call: Call, change: Callable[[Router], None], *, state: bool = False
    ) -> Written[Router]:
        method = type(request).__name__.removesuffix("Request")
        return await self._routers.update(
            _name(request),
            change,
            etag=request.etag,
            once=once(method, request, call.caller.name),
            new_generation=not state,
            validate_only=request.validate_only,
        )

    async def _deploy(self, verb: str, request: Any, call: Call, wait: float) -> Router:
        written = await self._update(
            request, call, lambda router: lifecycle.advance(router, verb), state=True
        )
        if request.validate_only:
            return written.message
        if written.replayed:
            return await self._routers.read(written.message.name)
        return await self._rollouts.carry_out(written, wait)


def _name(request: Any) -> str:
    return resource_name("routers", request.name, "name")
