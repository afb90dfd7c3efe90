"""Population stability index: the symmetric relative entropy of two binned samples, in nats.

PSI = sum over bins of (q - p) ln(q / p), with p the reference's and q the current share. Only an empty bin is
adjusted: it gets half a count (0.5 / n), the others stay as they are. Under no drift PSI is distributed as
(1/n + 1/m) times a chi-square with one degree of freedom less than there are bins, so a small sample of a
stable feature shows a large PSI.

Reference: B. Yurdakul, Statistical Properties of Population Stability Index, 2018.

>>> round(measure(np.array([500, 300, 200]), np.array([300, 300, 400])).value, 4)
0.2408
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri

from services.drift.statistics.counts import Counts, Floats, Pairs, one

HALF_COUNT = "half_count"
EPSILON = "epsilon"


class Psi(NamedTuple):
    """PSI, the rule for its empty bins, and the mean and 95 % quantile that no drift would give."""

    value: float
    p_value: None
    rule: str
    null_mean: float
    null_q95: float


def measure(reference: Counts, current: Counts, epsilon: float | None = None) -> Psi | None:
    """PSI of two count vectors over the same bins; `epsilon`, if given, is an empty bin's share instead."""
    pairs = one(reference, current)
    return measure_many(pairs, epsilon)[0] if pairs else None


def measure_many(pairs: Pairs, epsilon: float | None = None) -> list[Psi | None]:
    """The same of many features at once; None where a sample is empty."""
    p, q = filled_shares(pairs, epsilon)
    values = pairs.sum(np.where(pairs.occupied, (q - p) * np.log(q / p), 0.0))
    n, m = (rows.tolist() for rows in pairs.rows)
    freedom = (pairs.occupied_bins - 1).tolist()
    rule = HALF_COUNT if epsilon is None else EPSILON
    each = zip(pairs.there, values.tolist(), n, m, freedom, strict=True)
    return [_psi(value, 1 / a + 1 / b, free, rule) if there else None for there, value, a, b, free in each]


def _psi(value: float, scale: float, freedom: int, rule: str) -> Psi:
    return Psi(value, None, rule, scale * freedom, scale * _quantile(freedom))


@lru_cache(maxsize=4096)
def _quantile(freedom: int) -> float:
    """95 % quantile of a chi-square. A single bin leaves nothing to vary; scipy gives NaN for 0 degrees."""
    return float(chdtri(freedom, 0.05)) if freedom else 0.0


def filled_shares(pairs: Pairs, epsilon: float | None) -> tuple[Floats, Floats]:
    """Shares of the bins, where an empty one has half a row, or `epsilon`."""
    before, after = (
        np.where(side.counts > 0, side.shares, 0.5 / side.whole if epsilon is None else epsilon)
        for side in (pairs.before, pairs.after)
    )
    return before, after
