"""One prediction by several models: the aggregator asks and combines, the router accounts for it."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest, InferResponse
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_CANCELLED,
    OUTCOME_SKIPPED,
    OUTCOME_UNKNOWN,
    PARTICIPANT_ROLE_FUSER,
    PARTICIPANT_ROLE_JUROR,
    Outcome,
    Participant,
)
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import RemoteError, TurnoutError, Unavailable
from services.foundation.wording import plain
from services.models.answer import MESSAGE_LENGTH
from services.models.errors import InputRefused
from services.router.deciding.choosing import Choice
from services.router.deciding.plan import Jury, RoutingPlan
from services.router.execution.carrying_out import Stead
from services.router.execution.equipment import Equipment
from services.router.execution.ledger import Ledger
from services.router.execution.limits import check_rows
from services.router.failures import (
    CannotCombine,
    CostLimitReached,
    JuryTimedOut,
    NotAccepted,
    PredictionCancelled,
    QuorumNotMet,
)
from services.router.health.probe import Probe

LEFT = "the caller left before anything was heard of it"
FAILURES: dict[str, type[TurnoutError]] = {
    failure.reason: failure
    for failure in (QuorumNotMet, CostLimitReached, CannotCombine, NotAccepted, JuryTimedOut, InputRefused)
}
# With these the aggregator refuses a plan before it asks anybody.
REFUSALS = frozenset(
    ("NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "FAILED_PRECONDITION", "UNIMPLEMENTED")
)


class Speech(Protocol):
    """Where the words of the final step go, if anybody wants them as they come. Once some are `said`, nobody
    else's fit behind them."""

    said: bool

    def say(self, words: str) -> None: ...


async def ask_all(
    plan: RoutingPlan,
    jury: Jury,
    choice: Choice,
    request: PredictRequest,
    call: Call,
    use: Equipment,
    speech: Speech | None = None,
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
    ledger.note_members(jury.prices)
    ledger.note_warning(plan.columns.warning(request.input))
    for model in jury.models:
        use.metrics.routing_decisions[choice.route.strategy, model].inc()
    try:
        output = await _asked(plan, jury, request, call, use, ledger, stead, speech)
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
    speech: Speech | None,
) -> bytes | TurnoutError:
    """The serialized Output of the jury, or of who answers in its stead; why there is none."""
    probe = use.trial(jury.probe)
    question = InferRequest(input=request.input, prediction_id=ledger.prediction_id, router=plan.name)
    ended: list[Participant] = []
    try:
        seconds = plan.budget(call) if stead is None else stead.seconds
        if speech is None:
            reply = await use.panel.ask(jury, question, seconds, call)
        else:
            reply = await use.panel.hear(jury, question, seconds, call, speech.say, ended.append)
    except asyncio.CancelledError:
        _unheard(probe)
        _abandoned(ledger, jury, ended, speech)
        raise
    except RemoteError as refused:
        _unheard(probe)
        if refused.code == "INVALID_ARGUMENT":
            raise
        error: TurnoutError = _unanswered(refused, jury, ledger)
    else:
        _listen(reply, probe, use)
        ledger.note_panel(reply)
        _leave_out(ledger, jury)
        if not reply.error_code:
            return reply.output.SerializeToString()
        error = _error(reply)
    if stead is None or (speech is not None and speech.said):
        return error
    instead = await stead.answer(ledger)
    return error if instead is None else instead.encoded


def _unanswered(refused: RemoteError, jury: Jury, ledger: Ledger) -> RemoteError:
    """The aggregator did not say what came of the members; the error for the caller."""
    refused.message = f"the aggregator: {plain(refused.message)}"
    if refused.code in REFUSALS:
        _enter(ledger, jury, OUTCOME_SKIPPED, "", refused.message)
    else:
        _enter(ledger, jury, OUTCOME_UNKNOWN, refused.code, refused.message)
    return refused


def _enter(
    ledger: Ledger, jury: Jury, outcome: Outcome, code: str, why: str, known: Collection[str] = ()
) -> None:
    """Enter every member of the plan, of whom nobody told anything: whose variants are not `known`."""
    for member in jury.plan.members:
        if member.variant in known:
            continue
        participant = Participant(
            model=member.model,
            variant=member.variant,
            role=PARTICIPANT_ROLE_JUROR,
            outcome=outcome,
            attempt=int(outcome != OUTCOME_SKIPPED),
            error_code=code,
            error_message=why[:MESSAGE_LENGTH],
        )
        ledger.join(participant.SerializeToString())
    _leave_out(ledger, jury)


def _abandoned(ledger: Ledger, jury: Jury, ended: Sequence[Participant], speech: Speech | None) -> None:
    """Enter who has ended, who has not, and the fuser of whose words the caller had some."""
    ledger.note_ended(ended)
    _enter(ledger, jury, OUTCOME_CANCELLED, "CANCELLED", LEFT, {one.variant for one in ended})
    how = jury.plan.ensemble
    if speech is not None and speech.said and how.HasField("mixture_of_n"):
        fuser = Participant(
            model=how.mixture_of_n.fuser.model,
            role=PARTICIPANT_ROLE_FUSER,
            outcome=OUTCOME_CANCELLED,
            attempt=1,
            error_code="CANCELLED",
            error_message="the caller left while it spoke",
        )
        ledger.join(fuser.SerializeToString())


def _leave_out(ledger: Ledger, jury: Jury) -> None:
    """Enter the members that the plan leaves out, behind those that others refer to by their place."""
    for one in jury.left_out:
        ledger.join(one)


def _listen(reply: InferResponse, probe: Probe | None, use: Equipment) -> None:
    """What came of each member says something of its model's health, or it is excused."""
    for one in reply.participants:
        if one.excused:
            # It answered, and not as this router wants it: other routers may be content with the same model.
            continue
        outcome = Outcome.Name(one.outcome).removeprefix("OUTCOME_")
        seconds = one.latency.seconds + one.latency.nanos / 1e9
        tried = probe if probe is not None and probe.model == one.model else None
        ok = use.health.heard(one.model, outcome, one.error_code, seconds, tried)
        one.excused = ok is None and outcome in ("FAILED", "TIMED_OUT")
    # A member that the aggregator does not name was not asked.
    _unheard(probe)


def _unheard(probe: Probe | None) -> None:
    if probe is not None:
        probe.done(None)


def _error(reply: InferResponse) -> TurnoutError:
    kind, said = FAILURES.get(reply.error_reason, Unavailable), reply.error_message
    return kind(f"input: {said}", fields=[("input", said)]) if kind is InputRefused else kind(said)
