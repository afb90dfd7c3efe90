"""What a manifest says of one attempt, filled in from what came of the call."""

from functools import lru_cache

from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_CANCELLED,
    OUTCOME_CONTRIBUTED,
    OUTCOME_DROPPED,
    OUTCOME_FAILED,
    OUTCOME_TIMED_OUT,
    Cost,
    Outcome,
    Participant,
)

from services.models.answer import MESSAGE_LENGTH, Answer, Failure, FailureKind
from services.models.framing import delimited, double, moment, text

_ENDPOINT = Participant.ENDPOINT_FIELD_NUMBER
_LATENCY = Participant.LATENCY_FIELD_NUMBER
_SPAN_ID = Participant.SPAN_ID_FIELD_NUMBER
_CONFIDENCE = Participant.CONFIDENCE_FIELD_NUMBER

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
        participant.excused = result.excused
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


def described(result: Answer | Failure, outcome: Outcome = OUTCOME_CONTRIBUTED) -> bytes:
    """What `describe` fills in, serialized: it goes behind a serialized Participant of what was known before.
    An answer that counts no tokens, on the way of every prediction, is written without a message."""
    if isinstance(result, Failure) or result.tokens_in is not None or result.tokens_out is not None:
        participant = Participant()
        describe(participant, result, outcome)
        return participant.SerializeToString()
    told = (
        _repeated(result.endpoint, outcome, result.cost, result.currency)
        + delimited(_LATENCY, moment(int(result.latency * 1e9)))
        + text(_SPAN_ID, result.span_id)
    )
    return told if result.confidence is None else told + double(_CONFIDENCE, result.confidence)


# A call without tokens costs the same every time.
@lru_cache(1024)
def _repeated(endpoint: str, outcome: Outcome, amount: float | None, currency: str) -> bytes:
    cost = None if amount is None else Cost(amount=amount, currency=currency)
    return Participant(endpoint=endpoint, outcome=outcome, cost=cost).SerializeToString()
