"""How far a number is from the truth, large errors weighing more."""

from services.feedback.deriving import absolute_error
from services.feedback.deriving.seen import Seen, Value


def measure(seen: Seen, truth: Value) -> float | None:
    """(answer - truth)²; None where either is no number.

    >>> measure(Seen(answer=2.0), 5.0)
    9.0
    """
    error = absolute_error.measure(seen, truth)
    return None if error is None else error * error
