"""One prediction by several models: the aggregator asks and combines, the router accounts for it."""

import asyncio

from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest, InferResponse
from turnout.inference.v1.manifest_pb2 import Outcome
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import RemoteError, TurnoutError, Unavailable
from services.router.deciding.choosing import Choice
from services.router.deciding.plan import Jury, RoutingPlan
from services.router.execution.carrying_out import Stead
from services.router.execution.equipment import Equipment
from services.router.execution.ledger import Ledger
from services.router.execution.limits import check_rows
from services.router.failures import CannotCombine, JuryTimedOut, PredictionCancelled, QuorumNotMet
from services.router.health.probe import Probe

FAILURES: dict[str, type[TurnoutError]] = {
    failure.reason: failure for failure in (QuorumNotMet, CannotCombine, JuryTimedOut)
}


async def ask_all(
    plan: RoutingPlan, jury: Jury, choice: Choice, request: PredictRequest, call: Call, use: Equipment
) -> Ledger:
    """Send the plan and the input to the aggregator; the ledger is closed and logged.

    Raises what the aggregator finds wrong with the input; QuorumNotMet, CannotCombine, or RemoteError if it
    cannot be reached, with the prediction's id, once the prediction is logged.
    """
    rows, features = jury.reads(request.input)
    stead = None
    if plan.carrying is not None:
        check_rows(plan.name, plan.carrying.limits, rows)
        stead = Stead(plan, plan.carrying, jury, request, call, use)
    ledger = use.open(plan, choice, request, call)
    ledger.note_input(rows, features)
    ledger.note_warning(plan.columns.warning(request.input))
    for model in jury.models:
        use.metrics.routing_decisions[choice.route.strategy, model].inc()
    try:
        output = await _asked(plan, jury, request, call, use, ledger, stead)
    except asyncio.CancelledError:
        ledger.fail(PredictionCancelled("the caller cancelled the prediction"))
        use.log(plan, ledger)
        raise
    if stead is not None:
        stead.mirror(ledger)
    if isinstance(output, TurnoutError):
        raise await use.fail(plan, ledger, output, call)
    ledger.serve(output)
    await use.settle(plan, ledger)
    return ledger


async def _asked(
    plan: RoutingPlan,
    jury: Jury,
    request: PredictRequest,
    call: Call,
    use: Equipment,
    ledger: Ledger,
    stead: Stead | None,
) -> bytes | TurnoutError:
    """The serialized Output of the jury, or of who answers in its stead; why there is none."""
    probe = use.trial(jury.probe)
    question = InferRequest(input=request.input, prediction_id=ledger.prediction_id, router=plan.name)
    try:
        seconds = plan.budget(call) if stead is None else stead.seconds
        reply = await use.panel.ask(jury, question, seconds, call)
    except asyncio.CancelledError:
        _unheard(probe)
        raise
    except RemoteError as refused:
        _unheard(probe)
        if refused.code == "INVALID_ARGUMENT":
            raise
        error: TurnoutError = refused
    else:
        ledger.note_panel(reply)
        _listen(reply, probe, use)
        if not reply.error_code:
            return reply.output.SerializeToString()
        error = _error(reply)
    instead = await stead.answer(ledger) if stead is not None else None
    return error if instead is None else instead.encoded


def _listen(reply: InferResponse, probe: Probe | None, use: Equipment) -> None:
    """What came of each member says something of its model's health."""
    for one in reply.participants:
        outcome = Outcome.Name(one.outcome).removeprefix("OUTCOME_")
        seconds = one.latency.seconds + one.latency.nanos / 1e9
        tried = probe if probe is not None and probe.model == one.model else None
        use.health.heard(one.model, outcome, one.error_code, seconds, tried)
    # A member that the aggregator does not name was not asked.
    _unheard(probe)


def _unheard(probe: Probe | None) -> None:
    if probe is not None:
        probe.done(None)


def _error(reply: InferResponse) -> TurnoutError:
    return FAILURES.get(reply.error_reason, Unavailable)(reply.error_message)
