"""InferenceService: where predictions are asked for."""

from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.rules import Role
from services.router.choosing import choose
from services.router.equipment import Equipment
from services.router.explaining import Explainer
from services.router.jury import ask_all
from services.router.ledger import Ledger
from services.router.plan import RoutingPlan
from services.router.predicting import ask_one
from services.router.requests import check
from services.router.snapshot import Snapshot
from services.state.permissions import CatalogPermissions


class InferenceService:
    """Answers from the snapshot of the moment; nothing here waits for Redis, unless a router asks for it."""

    SERVICE = "turnout.router.v1.InferenceService"

    def __init__(
        self, snapshot: Snapshot, equipment: Equipment, permissions: CatalogPermissions, explainer: Explainer
    ) -> None:
        self._snapshot = snapshot
        self._use = equipment
        self._permissions = permissions
        self._explainer = explainer

    async def Predict(self, request: rpc.PredictRequest, call: Call) -> bytes:
        """One prediction, and the account of it: a serialized PredictResponse (see frames.py)."""
        _, ledger = await self.answer(request, call)
        return ledger.reply(request)

    async def answer(self, request: rpc.PredictRequest, call: Call) -> tuple[RoutingPlan, Ledger]:
        """Decide, ask and account, whatever door the request came by; the plan that did, and the account."""
        check(request)
        if request.variant:
            # Whoever pins decides who gets traffic, as whoever sets weights does.
            self._permissions.require(call.caller, Role.EDITOR, "routers", request.router, "router")
        plan = self._snapshot.serving(request.router)
        choice = choose(plan, request, call, self._use)
        if choice.arm is not None:
            ledger = await ask_one(plan, choice.arm, choice, request, call, self._use)
        else:
            ledger = await ask_all(plan, choice.panel, choice, request, call, self._use)
        return plan, ledger

    async def Explain(self, request: rpc.ExplainRequest, call: Call) -> rpc.ExplainResponse:
        """The decision alone: nothing is called and nothing is logged."""
        return await self._explainer.explain(request, call)
