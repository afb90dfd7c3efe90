"""One prediction by one model: decide, call, account for it."""

import asyncio

from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.models.answer import Failure
from services.router.choosing import Choice
from services.router.equipment import Equipment
from services.router.failures import PredictionCancelled
from services.router.ledger import Ledger
from services.router.plan import Arm, RoutingPlan


async def ask_one(
    plan: RoutingPlan, arm: Arm, choice: Choice, request: PredictRequest, call: Call, use: Equipment
) -> Ledger:
    """Let the variant that was chosen answer; the ledger is closed and logged.

    Raises InputMismatch before anything is called; ModelFailed, ModelTimedOut or ModelBusy, with the
    prediction's id, once the attempt is logged.
    """
    handle = arm.handle
    question = handle.prepare(request.input)
    ledger = use.open(plan, choice, request, call)
    ledger.note_input(question.rows, handle.features(request.input))
    ledger.note_warning(plan.columns.warning(request.input))
    use.metrics.routing_decisions[choice.route.strategy, arm.model].inc()
    probe = use.trial(arm.probe)
    attempt = handle.attempt(question, plan.budget(call), call)
    try:
        result = await attempt.run()
    except asyncio.CancelledError:
        # The caller has left. The attempt was made all the same: its account must not leave with the caller.
        use.health.heard(arm.model, "CANCELLED", "CANCELLED", attempt.latency, probe)
        ledger.add(arm.seat, attempt.cancelled())
        ledger.fail(PredictionCancelled("the caller cancelled the prediction"))
        use.log(plan, ledger)
        raise
    use.observe(arm.model, result, probe)
    ledger.add(arm.seat, result)
    if isinstance(result, Failure):
        error = ledger.fail(result.error)
        call.details(Manifest.FromString(ledger.manifest))
        await use.settle(plan, ledger)
        raise error
    ledger.serve(result.encoded)
    await use.settle(plan, ledger)
    return ledger
