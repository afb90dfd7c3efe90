"""InferenceService: where predictions are asked for."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, aclosing, nullcontext

from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
from services.foundation.rules import Role
from services.router.deciding.choosing import Choice, choose
from services.router.deciding.explaining import Explainer
from services.router.deciding.pinning import held
from services.router.deciding.plan import RoutingPlan
from services.router.execution import refusals
from services.router.execution.equipment import Equipment
from services.router.execution.exchange import Exchanges
from services.router.execution.items import AT_ONCE, Items
from services.router.execution.jury import ask_all
from services.router.execution.ledger import Ledger
from services.router.execution.limits import admitted
from services.router.execution.predicting import ask_one
from services.router.execution.requests import check
from services.router.execution.tokens import question_of, tell, tell_all
from services.router.serving.snapshot import Snapshot
from services.state.permissions import CatalogPermissions


class InferenceService:
    """Answers from the snapshot of the moment; nothing here waits for Redis, unless a router asks for it."""

    SERVICE = "turnout.router.v1.InferenceService"

    def __init__(
        self,
        snapshot: Snapshot,
        equipment: Equipment,
        permissions: CatalogPermissions,
        explainer: Explainer,
        message_bytes: int,
    ) -> None:
        """`message_bytes`: what a reply may have at the most."""
        self._snapshot = snapshot
        self._use = equipment
        self._permissions = permissions
        self._explainer = explainer
        self._items = Items(self._item, equipment.metrics, message_bytes)
        self._exchanges = Exchanges()

    async def Predict(self, request: rpc.PredictRequest, call: Call) -> bytes:
        """One prediction, and the account of it: a serialized PredictResponse (see frames.py)."""
        _, ledger = await self.answer(request, call)
        return ledger.reply(request)

    async def answer(self, request: rpc.PredictRequest, call: Call) -> tuple[RoutingPlan, Ledger]:
        """Decide, ask and account, whatever door the request came by; the plan that did, and the account."""
        try:
            plan = self._plan(request, call)
            if plan.carrying is None:
                return await self._ask(plan, request, call)
            with self._admitted(plan, request):
                return await self._ask(plan, request, call)
        except TurnoutError as refused:
            refusals.count(refused, self._use.metrics, request.router, self._snapshot.generations)
            raise

    def _counted(self, router: str) -> AbstractContextManager[None]:
        return refusals.counted(self._use.metrics, router, self._snapshot.generations)

    def _plan(self, request: rpc.PredictRequest, call: Call) -> RoutingPlan:
        check(request)
        if request.variant:
            # Whoever pins decides who gets traffic, as whoever sets weights does.
            self._permissions.require(call.caller, Role.EDITOR, "routers", request.router, "router")
        return self._snapshot.serving(request.router)

    def _admitted(self, plan: RoutingPlan, request: rpc.PredictRequest) -> AbstractContextManager[None]:
        if plan.carrying is None:
            return nullcontext()
        load = self._use.loads.of(plan.uid)
        return admitted(plan.name, plan.carrying.limits, load, request.input)

    async def _chosen(
        self, plan: RoutingPlan, request: rpc.PredictRequest, call: Call
    ) -> tuple[RoutingPlan, Choice]:
        """Decide where the router has entities keep their variants, for which it waits. Returns what decided
        too: while it waited, another request may have become the probe that this one was to be, and the plan
        of those who make none decides in its stead."""
        while True:
            choice, sticky = choose(plan, request, call, self._use), plan.sticky
            if sticky is None or not _keeps(plan, request):
                return plan, choice
            choice = await held(choice, plan, sticky, request, self._use.pins)
            probe = choice.arm.probe if choice.arm is not None and not request.variant else None
            if probe is None or probe.free:
                return plan, choice
            plan = self._snapshot.serving(request.router)

    async def _ask(
        self, plan: RoutingPlan, request: rpc.PredictRequest, call: Call
    ) -> tuple[RoutingPlan, Ledger]:
        # Nearly nobody waits for a decision, and a coroutine that waits for nothing has its price.
        if _keeps(plan, request):
            plan, choice = await self._chosen(plan, request, call)
        else:
            choice = choose(plan, request, call, self._use)
        if choice.arm is not None:
            return plan, await ask_one(plan, choice.arm, choice, request, call, self._use)
        return plan, await ask_all(plan, choice.panel, choice, request, call, self._use)

    async def BatchPredict(self, request: rpc.BatchPredictRequest, call: Call) -> bytes:
        """Many predictions, each with a status of its own: a serialized BatchPredictResponse."""
        return await self._items.batch(request.requests, call)

    async def PredictStream(
        self, requests: AsyncIterator[rpc.PredictStreamRequest], call: Call
    ) -> AsyncIterator[bytes]:
        """The same on a stream, without end; answers go out as they are ready."""
        answers = self._exchanges.run(requests, lambda asked: self._items.one(asked, call), AT_ONCE)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def StreamPredict(self, request: rpc.StreamPredictRequest, call: Call) -> AsyncIterator[bytes]:
        """One prediction, piece by piece where its model can; the last message has the account."""
        with self._counted(request.router):
            async with aclosing(self._told(question_of(request), call)) as pieces:
                async for said in pieces:
                    yield said

    async def _told(self, asked: rpc.PredictRequest, call: Call) -> AsyncGenerator[bytes, None]:
        plan = self._plan(asked, call)
        with self._admitted(plan, asked):
            plan, choice = await self._chosen(plan, asked, call)
            if choice.arm is None:
                told = tell_all(plan, choice.panel, choice, asked, call, self._use)
            else:
                told = tell(plan, choice.arm, choice, asked, call, self._use)
            async with aclosing(told) as pieces:
                async for said in pieces:
                    yield said

    def end_streams(self) -> None:
        """Read nothing more from streams of questions: the process is to end."""
        self._exchanges.end()

    async def _item(self, request: rpc.PredictRequest, call: Call) -> bytes:
        self._permissions.require(call.caller, Role.PREDICTOR, "routers", request.router, "router")
        return await self.Predict(request, call)

    async def Explain(self, request: rpc.ExplainRequest, call: Call) -> rpc.ExplainResponse:
        """The decision alone: nothing is called and nothing is logged."""
        return await self._explainer.explain(request, call)


def _keeps(plan: RoutingPlan, request: rpc.PredictRequest) -> bool:
    """Whether the entity of a request keeps its variant, which is to be looked up."""
    return plan.sticky is not None and plan.sticky.pin_seconds > 0 and bool(request.entity_id)
