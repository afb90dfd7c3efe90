"""A manifest's participant says of an attempt what is known of it, and leaves out what is not."""

import pytest
from turnout.inference.v1 import manifest_pb2 as wire

from services.models.answer import MESSAGE_LENGTH, Answer, Failure, FailureKind
from services.models.participation import describe, described


def test_an_answer_is_accounted_for_in_full() -> None:
    participant = wire.Participant(model="models/x", variant="a")
    describe(participant, Answer(b"", 1.5, "h:1", "ab" * 8, 0.75, 3, 4, 0.25, "EUR"), wire.OUTCOME_SERVED)
    assert participant == wire.Participant(
        model="models/x",
        variant="a",
        endpoint="h:1",
        outcome=wire.OUTCOME_SERVED,
        latency={"seconds": 1, "nanos": 500_000_000},
        tokens_in=3,
        tokens_out=4,
        cost=wire.Cost(amount=0.25, currency="EUR"),
        span_id="ab" * 8,
        confidence=0.75,
    )


def test_what_is_unknown_is_absent() -> None:
    participant = wire.Participant()
    describe(participant, Answer(b"", 0.0, "h:1", "ab" * 8, None, None, None, None, "USD"))
    for field in ("cost", "tokens_in", "tokens_out", "confidence"):
        assert not participant.HasField(field)


@pytest.mark.parametrize("kind", ["TIMED_OUT", "FAILED", "CANCELLED", "DROPPED"])
def test_a_failure_is_its_own_outcome(kind: FailureKind) -> None:
    participant = wire.Participant()
    describe(participant, Failure(kind, "INTERNAL", "x" * 300, False, 0.25, "models/x"))
    assert wire.Outcome.Name(participant.outcome) == f"OUTCOME_{kind}"
    assert participant.error_code == "INTERNAL"
    assert participant.error_message == "x" * MESSAGE_LENGTH
    assert participant.latency.nanos == 250_000_000


@pytest.mark.parametrize(
    "result",
    [
        Answer(b"", 1.5, "h:1", "ab" * 8, 0.75, None, None, 0.25, "EUR"),
        Answer(b"", 0.0, "[::1]:8001", "0" * 16, None, None, None, None, "USD"),
        Answer(b"", 1e-9, "h:1", "f" * 16, 0.0, None, None, 0.0, ""),
        Answer(b"", 2.0, "h:1", "ab" * 8, None, 3, 0, 0.25, "EUR"),
        Answer(b"", 0.25, "h:1", "ab" * 8, None, None, 7, None, "EUR"),
        Failure("TIMED_OUT", "DEADLINE_EXCEEDED", "é" * 300, False, 3600.5, "models/x", "h:1", "ab" * 8),
        Failure("DROPPED", "RESOURCE_EXHAUSTED", "full", False, 0.0, "models/x"),
    ],
)
def test_the_bytes_of_an_account_say_what_the_message_says(result: Answer | Failure) -> None:
    known = wire.Participant(model="models/x", variant="a", attempt=1)
    told = wire.Participant.FromString(known.SerializeToString() + described(result, wire.OUTCOME_SERVED))
    describe(known, result, wire.OUTCOME_SERVED)
    assert told == known
    assert told.HasField("cost") == known.HasField("cost")
