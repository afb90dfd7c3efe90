"""turnout.aggregator.v1.AggregatorService."""

from turnout.aggregator.v1.aggregator_service_pb2 import (
    AggregateRequest,
    AggregateResponse,
    InferRequest,
    InferResponse,
)

from services.aggregator.combiners import COMBINERS
from services.aggregator.deliberation import deliberate
from services.aggregator.jury import budget
from services.aggregator.plan import Plan
from services.aggregator.registry import Registry
from services.aggregator.seating import ask, take_seats
from services.aggregator.watch import Watch
from services.aggregator.wire.handed_in import read_handed_in
from services.aggregator.wire.plans import read_plan, require_input
from services.aggregator.wire.replies import write_aggregate
from services.foundation.call import Call
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role
from services.state.permissions import CatalogPermissions


class AggregatorServicer:
    """Asks several models, or is handed their answers, and makes one answer of them."""

    SERVICE = "turnout.aggregator.v1.AggregatorService"

    def __init__(
        self, registry: Registry, watch: Watch, permissions: CatalogPermissions | None = None
    ) -> None:
        self._registry = registry
        self._watch = watch
        self._permissions = permissions

    async def Infer(self, request: InferRequest, call: Call) -> InferResponse:
        """Ask every member of the plan at once and combine what they answer in time."""
        plan = read_plan(request.plan)
        require_input(request.input)
        await self._registry.meet(member.model for member in plan.members)
        self._refuse_strangers(plan, call.caller)
        seats = take_seats(plan, request.input, self._registry.find, budget(call.remaining()))
        results = await ask(seats, plan.quorum, call)
        self._watch.observe(seats, results)
        return deliberate(plan, seats, results)

    async def Aggregate(self, request: AggregateRequest, _call: Call) -> AggregateResponse:
        """Combine the outputs of the request; nobody is called."""
        recipe, ballots = read_handed_in(request)
        verdict = COMBINERS[recipe.method](ballots, recipe)
        return write_aggregate(recipe.method, [each.output for each in request.outputs], ballots, verdict)

    def _refuse_strangers(self, plan: Plan, caller: Caller) -> None:
        """Who comes with a plan of his own may ask only models that he may ask directly; the router, which is
        trusted, has seen to that when its plan was written."""
        if caller.admin or self._permissions is None:
            return
        for index, member in enumerate(plan.members):
            field = f"plan.members[{index}].model"
            self._permissions.require(caller, Role.PREDICTOR, "models", member.model, field)
