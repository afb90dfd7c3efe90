"""turnout.aggregator.v1.AggregatorService."""

import asyncio
from collections.abc import AsyncIterator

from turnout.aggregator.v1.aggregator_service_pb2 import (
    AggregateRequest,
    AggregateResponse,
    GetDivergenceRequest,
    GetDivergenceResponse,
    GetRoutingEfficiencyRequest,
    GetRoutingEfficiencyResponse,
    InferRequest,
    InferResponse,
    InferStreamRequest,
    InferStreamResponse,
)

from services.aggregator.calls import Listener
from services.aggregator.combiners import COMBINERS
from services.aggregator.compiling import Plans
from services.aggregator.desk import Desk, Nobody, Observer
from services.aggregator.divergence.insight import Insight
from services.aggregator.following import Progress
from services.aggregator.registry import Registry
from services.aggregator.running import run
from services.aggregator.session import Session
from services.aggregator.voices import Voice
from services.aggregator.watch import Watch
from services.aggregator.wire.handed_in import idle, read_handed_in
from services.aggregator.wire.plans import require_input
from services.aggregator.wire.replies import write_aggregate
from services.foundation.call import Call
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role
from services.state.errors import StateUnavailable
from services.state.permissions import CatalogPermissions


class AggregatorServicer:
    """Asks several models, or is handed their answers, and makes one answer of them."""

    SERVICE = "turnout.aggregator.v1.AggregatorService"

    def __init__(
        self,
        registry: Registry,
        watch: Watch,
        permissions: CatalogPermissions | None = None,
        observer: Observer | None = None,
        insight: Insight | None = None,
    ) -> None:
        self._registry = registry
        self._desk = Desk(registry.find, watch, observer=observer or Nobody())
        self._permissions = permissions
        self._insight = insight
        self._plans = Plans()

    async def Infer(self, request: InferRequest, call: Call) -> InferResponse:
        """Run the plan: ask its members, and make one answer of theirs."""
        return await self._run(await self._session(request, call))

    async def InferStream(
        self, request: InferStreamRequest, call: Call
    ) -> AsyncIterator[InferStreamResponse]:
        """The same, and what happens on the way. Who stops reading stops every call."""
        progress = Progress()
        session = await self._session(request.request, call, progress)
        running = asyncio.ensure_future(self._run(session))
        try:
            async for news in progress.follow(running):
                yield news
        finally:
            running.cancel()

    async def Aggregate(self, request: AggregateRequest, _call: Call) -> AggregateResponse:
        """Combine the outputs of the request; nobody is called."""
        recipe, ballots, outputs = read_handed_in(request)
        verdict = COMBINERS[recipe.method](ballots, recipe)
        return write_aggregate(recipe, outputs, ballots, verdict, idle(request, recipe))

    async def GetDivergence(self, request: GetDivergenceRequest, _call: Call) -> GetDivergenceResponse:
        """How often the members of a router's full panels differ."""
        return await self._known().divergence(request)

    async def GetRoutingEfficiency(
        self, request: GetRoutingEfficiencyRequest, _call: Call
    ) -> GetRoutingEfficiencyResponse:
        """How often a cheaper member would have done as well."""
        return await self._known().efficiency(request)

    def _known(self) -> Insight:
        if self._insight is None:
            raise StateUnavailable("this process has no state to read panels from")
        return self._insight

    async def _session(self, request: InferRequest, call: Call, listener: Listener | None = None) -> Session:
        reading = self._plans.read(request.plan)
        roster = reading.roster
        require_input(request.input)
        await self._registry.meet(roster.models)
        self._refuse_strangers(roster.plan.voices, call.caller)
        self._plans.keep(reading)
        roster.require_readers(self._registry.find)
        counts = _of_the_router(call.caller)
        return Session(roster, request, self._desk, call, call.remaining(), listener, counts=counts)

    async def _run(self, session: Session) -> InferResponse:
        try:
            return await run(session)
        finally:
            # Also of a prediction whose caller has left: its calls were made.
            self._desk.watch.observe(session.entries)

    def _refuse_strangers(self, voices: tuple[Voice, ...], caller: Caller) -> None:
        """Who comes with a plan of his own may ask only models that he may ask directly; the router, which is
        trusted, has seen to that when its plan was written."""
        if caller.admin or self._permissions is None:
            return
        for voice in voices:
            field = f"{voice.path}.model"
            self._permissions.require(caller, Role.PREDICTOR, "models", voice.model, field)


def _of_the_router(caller: Caller) -> bool:
    """Whether what comes of the call says something of the router that it names: who calls directly may ask
    as the router would, but not as often, nor the same questions. Where access is open nobody can be told
    from the router."""
    return caller.method == "service" or (caller.method == "none" and caller.admin)
