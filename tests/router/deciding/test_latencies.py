"""What calls that brought no answer say of a model's latency."""

import pytest

from services.router.deciding.latencies import Latencies


def _after(outcome: str, code: str, seconds: float) -> float:
    """Seconds that the model scores after an answer within 5 ms and such a call, with a timeout of 30 s."""
    latencies = Latencies(lambda: 0.0)
    latency = latencies.of("models/a", 10.0, 30.0)
    latencies.note("models/a", "SERVED", "OK", 0.005)
    latencies.note("models/a", outcome, code, seconds)
    return latency.score(0, 30.0, 0.0)


@pytest.mark.parametrize(
    ("outcome", "code", "seconds"),
    [
        ("FAILED", "INVALID_ARGUMENT", 0.001),
        ("TIMED_OUT", "DEADLINE_EXCEEDED", 0.01),
        ("TIMED_OUT", "DEADLINE_EXCEEDED", 0.0),
        ("DROPPED", "RESOURCE_EXHAUSTED", 0.0),
        ("CANCELLED", "CANCELLED", 3.0),
    ],
)
def test_what_is_not_the_models_fault_says_nothing(outcome: str, code: str, seconds: float) -> None:
    assert _after(outcome, code, seconds) == _after("CANCELLED", "CANCELLED", 0.0)


@pytest.mark.parametrize(
    ("outcome", "code", "seconds"),
    [("FAILED", "UNAVAILABLE", 0.001), ("TIMED_OUT", "DEADLINE_EXCEEDED", 29.9)],
)
def test_a_failure_of_the_model_counts_as_its_timeout(outcome: str, code: str, seconds: float) -> None:
    assert _after(outcome, code, seconds) > _after("SERVED", "OK", 1.0)
