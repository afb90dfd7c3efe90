"""From a decision to a reply where the router says more than who is asked: chain, race and copies."""

import asyncio

from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.models.answer import Answer
from services.models.signature import Request
from services.router.deciding.choosing import Choice
from services.router.deciding.plan import Arm, Jury, RoutingPlan
from services.router.execution.carrying import Carrying
from services.router.execution.chain import Chain
from services.router.execution.equipment import Equipment
from services.router.execution.ledger import Ledger
from services.router.execution.pursuit import Pursuit
from services.router.failures import PredictionCancelled


async def carry_out(
    plan: RoutingPlan,
    carrying: Carrying,
    arm: Arm,
    question: Request,
    choice: Choice,
    request: PredictRequest,
    call: Call,
    use: Equipment,
    ledger: Ledger,
) -> Ledger:
    """Let the variant that was chosen answer, or who may instead; the ledger is closed and logged.

    Raises the chosen variant's failure where nobody answered, once every attempt is logged.
    """
    load, pinned = use.loads.of(plan.uid), choice.route is plan.pinned
    chain = Chain(plan, carrying, load, request.input, call, use, closed=pinned)
    pursuit = Pursuit(carrying, load, chain, call, use)
    try:
        result = await pursuit.run(arm, question)
    except asyncio.CancelledError:
        pursuit.enter(ledger)
        ledger.fail(PredictionCancelled("the caller cancelled the prediction"))
        use.log(plan, ledger)
        raise
    pursuit.enter(ledger)
    if carrying.mirror is not None:
        use.mirrors.offer(plan, carrying.mirror, chain.variants, request.input, call, ledger)
    return await use.conclude(plan, ledger, result, call)


class Stead:
    """Who answers, and who sees copies, where several are asked at once. `plan.carrying` says something."""

    def __init__(
        self,
        plan: RoutingPlan,
        carrying: Carrying,
        jury: Jury,
        request: PredictRequest,
        call: Call,
        use: Equipment,
    ) -> None:
        self._plan, self._carrying, self._jury = plan, carrying, jury
        self._request, self._call, self._use = request, call, use
        load = use.loads.of(plan.uid)
        self._chain = Chain(plan, carrying, load, request.input, call, use)
        self._pursuit = Pursuit(carrying, load, self._chain, call, use)

    @property
    def seconds(self) -> float:
        """What the jury may take, so that others can still answer in its stead."""
        return self._chain.seconds(self._chain.left)

    async def answer(self, ledger: Ledger) -> Answer | None:
        """Ask those who may answer instead; the first answer, if there is one. The ledger has every attempt,
        also if this is cancelled."""
        self._chain.made += 1
        try:
            return await self._pursuit.instead()
        finally:
            self._pursuit.enter(ledger)

    def mirror(self, ledger: Ledger) -> None:
        """Offer the prediction to the shadows, except to who sat in the jury; then close the ledger."""
        if self._carrying.mirror is not None:
            asked = {member.variant for member in self._jury.plan.members} | self._chain.variants
            self._use.mirrors.offer(
                self._plan, self._carrying.mirror, asked, self._request.input, self._call, ledger
            )
