"""From values to places in a picture."""

import math
from collections.abc import Iterable

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def top(values: Iterable[float], least: float) -> float:
    """A round number at or above every value, at least `least`: where an axis ends.

    >>> top([0.31, 0.12], 0.1), top([], 0.25), top([0.017], 0.01)
    (0.5, 0.25, 0.02)
    """
    most = max((value for value in values if math.isfinite(value)), default=0.0)
    if most <= least:
        return least
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in STEPS if step * power >= most * (1 - 1e-9))


def share(value: float) -> float:
    """A share as a picture can show it."""
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0
