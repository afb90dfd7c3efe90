"""One prediction by one model: decide, call, account for it."""

import asyncio

from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.models.answer import Failure
from services.models.participation import describe
from services.router.choosing import choose
from services.router.equipment import Equipment
from services.router.failures import PredictionCancelled
from services.router.ledger import Ledger
from services.router.plan import RoutingPlan


async def ask_one(plan: RoutingPlan, request: PredictRequest, call: Call, use: Equipment) -> Ledger:
    """Draw a variant and let it answer; the ledger is closed and logged.

    Raises InputMismatch, UnknownVariant or NotPinnable before anything is called; ModelFailed, ModelTimedOut
    or ModelBusy, with the prediction's id, once the attempt is logged.
    """
    choice = choose(plan, request.variant, use.rng)
    handle = choice.arm.handle
    question = handle.prepare(request.input)
    ledger = Ledger(use.new_id(plan.partition), choice.template, request, call, use.clock)
    ledger.manifest.decision.u = choice.u
    ledger.note_input(question.rows, handle.features(request.input))
    use.metrics.routing_decisions[plan.strategy, choice.arm.model].inc()
    participant = ledger.manifest.participants[0]
    attempt = handle.attempt(question, plan.budget(call), call)
    try:
        result = await attempt.run()
    except asyncio.CancelledError:
        # The caller has left. The attempt was made all the same: its account must not leave with the caller.
        describe(participant, attempt.cancelled())
        ledger.fail(PredictionCancelled("the caller cancelled the prediction"))
        use.log(plan, ledger)
        raise
    use.observe(choice.arm.model, result.latency)
    describe(participant, result, OUTCOME_SERVED)
    if isinstance(result, Failure):
        error = ledger.fail(result.error)
        call.details(ledger.manifest)
        await use.settle(plan, ledger)
        raise error
    ledger.serve(result.output)
    await use.settle(plan, ledger)
    return ledger
