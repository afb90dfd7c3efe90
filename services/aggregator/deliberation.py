"""From what came of each member to one reply that accounts for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_CONTRIBUTED,
    OUTCOME_DISCARDED,
    OUTCOME_FAILED,
    OUTCOME_SKIPPED,
    PARTICIPANT_ROLE_JUROR,
    Participant,
)
from turnout.inference.v1.output_pb2 import Output

from services.aggregator.answers import Ballot, Verdict
from services.aggregator.combiners import COMBINERS
from services.aggregator.errors import CannotCombine, QuorumNotMet, Unreadable
from services.aggregator.jury import Result
from services.aggregator.plan import Member, Plan
from services.aggregator.seating import Seat
from services.aggregator.wire.answers import confidence_of, read_answer, write_answer
from services.aggregator.wire.replies import write_aggregation
from services.foundation.errors import TurnoutError
from services.models.answer import MESSAGE_LENGTH, Answer, Failure
from services.models.participation import describe


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one member said: its ballot, and the output that the ballot was read from."""

    participant: int
    ballot: Ballot
    output: Output


def deliberate(plan: Plan, seats: Sequence[Seat], results: Sequence[Result]) -> InferResponse:
    """The reply: an output, or the reason why there is none, and every member exactly once. `results` are
    those of the seats with a question, in their order."""
    reply = InferResponse(warnings=plan.warnings)
    testimonies = _take_down(reply, seats, results)
    ballots = [testimony.ballot for testimony in testimonies]
    verdict = None
    try:
        verdict = _decide(plan, reply, ballots)
        reply.output.CopyFrom(write_answer(verdict, [testimony.output for testimony in testimonies]))
        reply.warnings.extend(verdict.notes)
    except (QuorumNotMet, CannotCombine) as failure:
        _report(reply, failure)
    _account(reply, testimonies, verdict)
    reply.aggregation.CopyFrom(write_aggregation(plan.recipe.method, plan.quorum, ballots, verdict))
    reply.degraded = any(each.outcome != OUTCOME_CONTRIBUTED for each in reply.participants)
    return reply


def _take_down(reply: InferResponse, seats: Sequence[Seat], results: Sequence[Result]) -> list[Testimony]:
    """Enter every member into the reply, and read what those who answered have said."""
    remaining = iter(results)
    testimonies = []
    for index, seat in enumerate(seats):
        participant = reply.participants.add(
            model=seat.member.model, variant=seat.member.variant, role=PARTICIPANT_ROLE_JUROR
        )
        if seat.question is None:
            _excuse(participant, seat.excuse)
            continue
        participant.version, participant.attempt = seat.question.handle.version, 1
        result = next(remaining)
        # Until the verdict says what became of it: an answer that no reply was made of is discarded.
        describe(participant, result, OUTCOME_DISCARDED)
        if isinstance(result, Failure):
            continue
        try:
            output = result.output
            ballot = _ballot(seat.member, result, output)
        except Unreadable as wrong:
            participant.outcome, participant.error_code = OUTCOME_FAILED, "INTERNAL"
            participant.error_message = f"malformed answer: {wrong}"[:MESSAGE_LENGTH]
            continue
        reply.outputs.add(participant=index, output=output)
        testimonies.append(Testimony(index, ballot, output))
    return testimonies


def _excuse(participant: Participant, reason: TurnoutError | None) -> None:
    participant.outcome = OUTCOME_SKIPPED
    if reason is None:
        return
    participant.error_code = reason.code
    participant.error_message = reason.message[:MESSAGE_LENGTH]


def _ballot(member: Member, result: Answer, output: Output) -> Ballot:
    answer = read_answer(output)
    # A batch has a confidence per row where it has probabilities; the model's own is one for all rows.
    confidence = confidence_of(output, answer)
    if confidence is None and result.confidence is not None:
        confidence = confidence_of(output, answer, result.confidence)
    return Ballot(member.variant, answer, member.weight, confidence)


def _decide(plan: Plan, reply: InferResponse, ballots: Sequence[Ballot]) -> Verdict:
    if len(ballots) < plan.quorum:
        missing = "; ".join(
            f"{each.variant}: {each.error_message}" for each in reply.participants if each.error_message
        )
        said = f"{len(ballots)} of {len(plan.members)} members answered, {plan.quorum} are required"
        raise QuorumNotMet(f"{said}: {missing}")
    return COMBINERS[plan.recipe.method](ballots, plan.recipe)


def _report(reply: InferResponse, failure: TurnoutError) -> None:
    reply.error_code, reply.error_reason, reply.error_message = (
        failure.code,
        failure.reason,
        failure.message,
    )


def _account(reply: InferResponse, testimonies: Sequence[Testimony], verdict: Verdict | None) -> None:
    """What each answer was worth. Without a verdict they stay DISCARDED: given, and not used."""
    if verdict is None:
        return
    for testimony, shares in zip(testimonies, verdict.shares, strict=True):
        participant = reply.participants[testimony.participant]
        participant.outcome = OUTCOME_CONTRIBUTED
        # A batch has shares per row; the manifest tells the first row's, like agreement.
        participant.weight = shares[0]
