"""How far a number is from the truth."""

from services.feedback.deriving.seen import Seen, Value


def measure(seen: Seen, truth: Value) -> float | None:
    """|answer - truth|; None where either is no number.

    >>> measure(Seen(answer=2.0), 5.0), measure(Seen(answer="yes"), 5.0)
    (3.0, None)
    """
    if isinstance(seen.answer, float) and isinstance(truth, float):
        return abs(seen.answer - truth)
    return None
