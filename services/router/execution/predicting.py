"""One prediction by one model: call, account for it."""

import asyncio

from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.router.deciding.choosing import Choice
from services.router.deciding.plan import Arm, RoutingPlan
from services.router.execution.carrying_out import carry_out
from services.router.execution.equipment import Equipment
from services.router.execution.ledger import Ledger
from services.router.execution.limits import check_rows
from services.router.execution.opening import opened
from services.router.failures import PredictionCancelled


async def ask_one(
    plan: RoutingPlan, arm: Arm, choice: Choice, request: PredictRequest, call: Call, use: Equipment
) -> Ledger:
    """Let the variant that was chosen answer; the ledger is closed and logged.

    Raises InputMismatch and InputTooLarge before anything is called; ModelFailed, ModelTimedOut or ModelBusy,
    with the prediction's id, once the attempt is logged.
    """
    question = arm.handle.prepare(request.input)
    if plan.carrying is not None:
        # Who else may answer, or hear of it, is a story of its own.
        check_rows(plan.name, plan.carrying.limits, question.rows)
        ledger = opened(plan, arm, question, choice, request, call, use)
        return await carry_out(plan, plan.carrying, arm, question, choice, request, call, use, ledger)
    ledger = opened(plan, arm, question, choice, request, call, use)
    probe = None if arm.probe is None else use.trial(arm.probe)
    attempt = arm.handle.attempt(question, plan.budget(call), call)
    try:
        result = await attempt.run()
    except asyncio.CancelledError:
        # The caller has left. The attempt was made all the same: its account must not leave with the caller.
        use.health.heard(arm.model, "CANCELLED", "CANCELLED", attempt.latency, probe)
        ledger.add(arm.seat, attempt.cancelled())
        ledger.fail(PredictionCancelled("the caller cancelled the prediction"))
        use.log(plan, ledger)
        raise
    result = use.observe(arm.model, result, probe)
    ledger.add(arm.seat, result)
    return await use.conclude(plan, ledger, result, call)
