"""Kolmogorov-Smirnov: the largest gap between two distribution functions.

From cells the gap is known exactly at every edge and bounded in between: inside a cell the difference of the
two functions can rise by at most the reference's share of it and fall by at most the current one's. That
certifies a bracket lower <= D <= upper; a cell that holds a single value adds nothing to it. The p-value is
the asymptotic one at the lower end, so it is never smaller than the one of the exact D.

Reference: J. L. Hodges, The significance probability of the Smirnov two-sample test, 1958.

>>> measure(np.array([10, 0, 10]), np.array([10, 10, 0])).lower
0.5
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import kolmogorov

from services.drift.statistics.counts import Counts, Measurement, pair

# Above it scipy's exact p takes seconds, and the asymptotic one is as good.
MAX_EXACT = 10_000
# From here on the limit of kstwo takes its place: kstwo takes up to 2 s at a million rows, and the limit is
# never smaller, by at most 4 % where p is above 1 %.
MANY_ROWS = 1_000
EXACT, ASYMPTOTIC = "exact", "asymptotic"


@dataclass(frozen=True, slots=True)
class Bracket(Measurement):
    """lower <= D <= upper; `value` is the lower end, which is what the evidence supports."""

    p_value: float
    lower: float
    upper: float
    method: str


def measure(
    reference: Counts, current: Counts, singletons: NDArray[np.bool_] | None = None
) -> Bracket | None:
    """Bracket of D from counts on ordered cells; `singletons` marks the cells that hold one value."""
    checked = pair(reference, current)
    if checked is None:
        return None
    p, q = (counts / counts.sum() for counts in checked)
    n, m = (int(counts.sum()) for counts in checked)
    # Shares are divided last: equal shares then differ by exactly nothing, whatever the sample sizes.
    gaps = np.cumsum(checked[0]) / n - np.cumsum(checked[1]) / m
    before = np.concatenate([[0.0], gaps[:-1]])
    reach = np.maximum(before + p, q - before)
    if singletons is not None:
        reach = reach[~singletons]
    lower = float(np.abs(gaps).max())
    upper = min(max(lower, float(reach.max(initial=0.0))), 1.0)
    return Bracket(lower, _p_value(lower, n, m), lower, upper, ASYMPTOTIC)


def exact(reference: ArrayLike, current: ArrayLike) -> Bracket | None:
    """D and p of two raw samples; the p is exact up to MAX_EXACT rows. Only finite values count."""
    samples = [np.asarray(values, dtype=np.float64).ravel() for values in (reference, current)]
    left, right = (sample[np.isfinite(sample)] for sample in samples)
    if not (left.size and right.size):
        return None
    from scipy.stats import ks_2samp  # noqa: PLC0415 (see _p_value)

    method = EXACT if max(left.size, right.size) <= MAX_EXACT else ASYMPTOTIC
    found = ks_2samp(left, right, method="exact" if method == EXACT else "asymp")
    gap = float(found.statistic)
    return Bracket(gap, float(found.pvalue), gap, gap, method)


def _p_value(gap: float, n: int, m: int) -> float:
    effective = n * m / (n + m)
    if effective > MANY_ROWS:
        return float(kolmogorov(sqrt(effective) * gap))
    # A third of a process' imports, for small samples only.
    from scipy.stats import kstwo  # noqa: PLC0415

    # scipy's own asymptotic rule; a single row on each side rounds to no sample at all.
    return float(kstwo.sf(gap, max(round(effective), 1)))
