"""How the time that is left is shared among the attempts that may still be made."""

from collections.abc import Sequence


def seconds_for(left: float, own: float, later: Sequence[float]) -> float:
    """Seconds for this attempt, of `left`; `own` is the model's strict timeout, `later` those of the attempts
    that may follow.

    Each of those keeps its whole timeout in reserve if that leaves this one no less than an even share. A
    model that may take longer than the caller waits then never keeps the others from being asked.

    >>> [seconds_for(left, 1.0, [0.2]) for left in (5.0, 1.0, 0.3, -1.0)]
    [1.0, 0.8, 0.15, -1.0]
    """
    return min(own, max(left / (1 + len(later)), left - sum(later)) if left > 0 else left)
