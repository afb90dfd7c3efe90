"""Whether the answer is the truth."""

from services.feedback.deriving.seen import Seen, Value


def measure(seen: Seen, truth: Value) -> float | None:
    """1 for the right label, 0 for another; None where either is no label.

    >>> measure(Seen(answer="yes"), "yes"), measure(Seen(answer="yes"), "no"), measure(Seen(answer=1.0), 1.0)
    (1.0, 0.0, None)
    """
    if isinstance(seen.answer, str) and isinstance(truth, str):
        return float(seen.answer == truth)
    return None
