"""Quantiles of latency with bounds that hold for all quantiles at all times at once.

With a probability of 1 − alpha, the share of answers within any latency never leaves the observed one by
more than 0.85 √((ln ln(e n) + 0.8 ln(1612 / alpha)) / n), whatever n: the Dvoretzky-Kiefer-Wolfowitz
inequality, uniformly over time. Latencies are of `state.latency`'s cells, so that the ends are true within
5 %.

Reference: S. Howard and A. Ramdas, Sequential estimation of quantiles with applications to A/B testing and
best-arm identification, Bernoulli 28 (2022), theorem 2.
"""

from collections.abc import Mapping
from math import e, log, sqrt
from typing import NamedTuple

from services.state.latency import quantile


class Quantile(NamedTuple):
    """In milliseconds; an end of which nothing is known is None."""

    share: float
    estimate: float
    low: float | None
    high: float | None


def bounded(cells: Mapping[int, int], share: float, alpha: float) -> Quantile | None:
    """The quantile at `share`, 0 to 1, of what the cells count; None without counts.

    >>> found = bounded({80: 5000, 100: 5000}, 0.25, 0.05)
    >>> found.low == found.estimate == found.high, bounded({80: 100}, 0.95, 0.05).high
    (True, None)
    """
    count = sum(cells.values())
    estimate = quantile(cells, share)
    if estimate is None:
        return None
    width = 0.85 * sqrt((log(log(e * count)) + 0.8 * log(1612 / alpha)) / count)
    low = quantile(cells, share - width) if share > width else None
    high = quantile(cells, share + width) if share + width <= 1 else None
    return Quantile(share, estimate, low, high)
