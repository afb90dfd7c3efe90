"""One prediction by several models: the aggregator asks and combines, the router accounts for it."""

import asyncio

from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest, InferResponse
from turnout.inference.v1.manifest_pb2 import Manifest, Outcome
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import RemoteError, TurnoutError, Unavailable
from services.router.choosing import Choice
from services.router.equipment import Equipment
from services.router.failures import CannotCombine, JuryTimedOut, PredictionCancelled, QuorumNotMet
from services.router.health.probe import Probe
from services.router.ledger import Ledger
from services.router.plan import Jury, RoutingPlan

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
    ledger = use.open(plan, choice, request, call)
    ledger.note_input(*jury.reads(request.input))
    ledger.note_warning(plan.columns.warning(request.input))
    for model in jury.models:
        use.metrics.routing_decisions[choice.route.strategy, model].inc()
    probe = use.trial(jury.probe)
    question = InferRequest(input=request.input, prediction_id=ledger.prediction_id, router=plan.name)
    try:
        reply = await use.panel.ask(jury, question, plan.budget(call), call)
    except asyncio.CancelledError:
        _unheard(probe)
        ledger.fail(PredictionCancelled("the caller cancelled the prediction"))
        use.log(plan, ledger)
        raise
    except RemoteError as refused:
        _unheard(probe)
        if refused.code == "INVALID_ARGUMENT":
            raise
        raise await _failed(ledger, refused, plan, call, use) from None
    ledger.note_panel(reply)
    _listen(reply, probe, use)
    if reply.error_code:
        raise await _failed(ledger, _error(reply), plan, call, use)
    ledger.serve(reply.output.SerializeToString())
    await use.settle(plan, ledger)
    return ledger


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


async def _failed(
    ledger: Ledger, error: TurnoutError, plan: RoutingPlan, call: Call, use: Equipment
) -> TurnoutError:
    told = ledger.fail(error)
    call.details(Manifest.FromString(ledger.manifest))
    await use.settle(plan, ledger)
    return told
