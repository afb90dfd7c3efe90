"""What a manifest says of one attempt, filled in from what came of the call."""

from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_CANCELLED,
    OUTCOME_CONTRIBUTED,
    OUTCOME_DROPPED,
    OUTCOME_FAILED,
    OUTCOME_TIMED_OUT,
    Outcome,
    Participant,
)

from services.models.answer import MESSAGE_LENGTH, Answer, Failure, FailureKind

OUTCOMES: dict[FailureKind, Outcome] = {
    "TIMED_OUT": OUTCOME_TIMED_OUT,
    "FAILED": OUTCOME_FAILED,
    "CANCELLED": OUTCOME_CANCELLED,
    "DROPPED": OUTCOME_DROPPED,
}


def describe(
    participant: Participant, result: Answer | Failure, outcome: Outcome = OUTCOME_CONTRIBUTED
) -> None:
    """Fill in endpoint, latency, span, tokens, cost. An answer gets `outcome`, a failure its own kind's."""
    participant.endpoint = result.endpoint
    participant.span_id = result.span_id
    nanoseconds = int(result.latency * 1e9)
    participant.latency.seconds, participant.latency.nanos = divmod(nanoseconds, 1_000_000_000)
    if isinstance(result, Failure):
        participant.outcome = OUTCOMES[result.kind]
        participant.error_code = result.code
        participant.error_message = result.message[:MESSAGE_LENGTH]
        return
    participant.outcome = outcome
    if result.confidence is not None:
        participant.confidence = result.confidence
    if result.tokens_in is not None:
        participant.tokens_in = result.tokens_in
    if result.tokens_out is not None:
        participant.tokens_out = result.tokens_out
    if result.cost is not None:
        participant.cost.amount, participant.cost.currency = result.cost, result.currency
