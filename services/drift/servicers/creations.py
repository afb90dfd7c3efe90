"""Baselines are made: from columns, counts, files and what was logged."""

from collections.abc import AsyncIterator

from turnout.drift.v1 import baseline_rpc_pb2 as rpc

from services.drift.making.maker import baseline_id, check_source, use_asked
from services.drift.making.uploads import first_of
from services.drift.servicers.ground import Ground
from services.foundation.call import Call
from services.foundation.rules import Role
from services.state.names import resource_name
from services.state.once import once


class CreationRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def CreateBaseline(
        self, request: rpc.CreateBaselineRequest, call: Call
    ) -> rpc.CreateBaselineResponse:
        """Freeze cells at what the request has, and compare the model with them from now on, or count on
        them."""
        change = once("CreateBaseline", request, call.caller.name)
        check_source(request)
        use = use_asked(request)
        own = baseline_id(request.baseline_id)
        model = await self._ground.model(request.model)
        making = self._ground.making
        source = making.windows if request.HasField("window") else making.maker
        made = making.maker.named([await source.measured(request, model)], model, own, request.description)
        (shown,) = await making.maker.keep(made, change, use)
        return rpc.CreateBaselineResponse(baseline=shown)

    async def UploadBaseline(
        self, requests: AsyncIterator[rpc.UploadBaselineRequest], call: Call
    ) -> rpc.UploadBaselineResponse:
        """The same at the rows of a file, and at those of each segment; nothing before all of it came."""
        first = await first_of(requests)
        name = resource_name("models", first.header.model, "header.model")
        if permissions := self._ground.intake.permissions:
            permissions.require(call.caller, Role.EDITOR, "models", name, "header.model")
        model = await self._ground.models.read(name, field="header.model")
        return await self._ground.making.uploads.take(first, requests, model, call.caller.name)
