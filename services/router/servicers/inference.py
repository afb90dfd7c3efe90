"""InferenceService: where predictions are asked for."""

from turnout.inference.v1.manifest_pb2 import Decision
from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.foundation.rules import Role
from services.router.choosing import at, choose
from services.router.equipment import Equipment
from services.router.jury import ask_all
from services.router.plan import RoutingPlan
from services.router.predicting import ask_one
from services.router.requests import check, check_entity
from services.router.snapshot import Snapshot
from services.state.permissions import CatalogPermissions


class DrawOutOfRange(InvalidArgument):
    """A draw to explain that is no number in [0, 1)."""


class InferenceService:
    """Answers from the snapshot of the moment; nothing here waits for Redis, unless a router asks for it."""

    SERVICE = "turnout.router.v1.InferenceService"

    def __init__(self, snapshot: Snapshot, equipment: Equipment, permissions: CatalogPermissions) -> None:
        self._snapshot = snapshot
        self._use = equipment
        self._permissions = permissions

    async def Predict(self, request: rpc.PredictRequest, call: Call) -> bytes:
        """One prediction, and the account of it: a serialized PredictResponse (see frames.py)."""
        check(request)
        if request.variant:
            # Whoever pins decides who gets traffic, as whoever sets weights does.
            self._permissions.require(call.caller, Role.EDITOR, "routers", request.router, "router")
        plan = self._snapshot.serving(request.router)
        if plan.jury is not None and not request.variant:
            ledger = await ask_all(plan, plan.jury, request, call, self._use)
        else:
            ledger = await ask_one(plan, request, call, self._use)
        return ledger.reply(request)

    async def Explain(self, request: rpc.ExplainRequest, call: Call) -> rpc.ExplainResponse:
        """The decision alone: nothing is called and nothing is logged."""
        check_entity(request.entity_id)
        plan = self._snapshot.serving(request.router)
        return rpc.ExplainResponse(decision=self._explained(plan, request), generation=plan.generation)

    def _explained(self, plan: RoutingPlan, request: rpc.ExplainRequest) -> Decision:
        if plan.jury is not None and not request.variant:
            return Decision.FromString(plan.jury.sheet.decision)
        # Never the counter: explaining must not take anybody's turn.
        u = request.u if request.HasField("u") else self._use.rng.random()
        if not 0 <= u < 1:
            said = f"must be at least 0 and less than 1, got {u:g}"
            raise DrawOutOfRange(f"u: {said}", fields=[("u", said)])
        choice = choose(plan, request.variant, self._use.rng) if request.variant else at(plan, u)
        decision = Decision.FromString(choice.sheet.decision)
        decision.u = choice.u
        decision.time.FromNanoseconds(self._use.clock())
        return decision
