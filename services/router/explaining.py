"""What would be decided, and why: nothing is called, nothing is logged, and nobody loses a turn."""

import random
from collections.abc import Callable

from turnout.inference.v1.manifest_pb2 import Decision
from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.router.choosing import Choice, choose, drawn, route_of
from services.router.plan import RoutingPlan
from services.router.requests import check_entity
from services.router.snapshot import Snapshot


class DrawOutOfRange(InvalidArgument):
    """A draw to explain that is no number in [0, 1)."""


class Explainer:
    """`clock` is the wall clock in nanoseconds since 1970; `rng` draws where the caller gives no draw."""

    def __init__(self, snapshot: Snapshot, rng: random.Random, clock: Callable[[], int]) -> None:
        self._snapshot = snapshot
        self.rng = rng
        self.clock = clock

    async def explain(self, request: rpc.ExplainRequest, call: Call) -> rpc.ExplainResponse:
        """The decision on a request that nobody makes. Raises DrawOutOfRange, and what `choose` raises."""
        check_entity(request.entity_id)
        plan = self._snapshot.serving(request.router)
        decision = told(self._choice(plan, request, call))
        return rpc.ExplainResponse(decision=decision, generation=plan.generation, warnings=plan.remarks)

    def _choice(self, plan: RoutingPlan, request: rpc.ExplainRequest, call: Call) -> Choice:
        # Never the counter: explaining must not take anybody's turn.
        u = request.u if request.HasField("u") else self.rng.random()
        if not 0 <= u < 1:
            said = f"must be at least 0 and less than 1, got {u:g}"
            raise DrawOutOfRange(f"u: {said}", fields=[("u", said)])
        if request.variant:
            return choose(plan, request, call, self)
        now = self.clock()
        route, errors = route_of(plan, request, call, now)
        return drawn(plan, route, request, self.rng, now, u).erring(errors)


def told(choice: Choice) -> Decision:
    """The decision as a manifest would have it."""
    decision = Decision.FromString(choice.sheet.decision)
    decision.u = choice.u
    decision.time.FromNanoseconds(choice.now)
    return decision
