"""Population stability index: the symmetric relative entropy of two binned samples, in nats.

PSI = sum over bins of (q - p) ln(q / p), with p the reference's and q the current share. Only an empty bin is
adjusted: it gets half a count (0.5 / n), the others stay as they are. Under no drift PSI is distributed as
(1/n + 1/m) times a chi-square with one degree of freedom less than there are bins, so a small sample of a
stable feature shows a large PSI.

Reference: B. Yurdakul, Statistical Properties of Population Stability Index, 2018.

>>> round(measure(np.array([500, 300, 200]), np.array([300, 300, 400])).value, 4)
0.2408
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from services.drift.statistics.counts import Counts, Floats, Measurement, Pairs, one

HALF_COUNT = "half_count"
EPSILON = "epsilon"


@dataclass(frozen=True, slots=True)
class Psi(Measurement):
    """PSI, the rule for its empty bins, and the mean and 95 % quantile that no drift would give."""

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
    n, m = (np.maximum(rows, 1) for rows in pairs.rows)
    scale = 1 / n + 1 / m
    freedom = pairs.sum(pairs.occupied.astype(np.int64)) - 1
    # A single bin leaves nothing to vary; scipy gives NaN for a chi-square of 0 degrees.
    q95 = np.where(freedom > 0, scale * chdtri(np.maximum(freedom, 1), 0.05), 0.0)
    rule = HALF_COUNT if epsilon is None else EPSILON
    found = zip(
        pairs.there, values.tolist(), (scale * np.maximum(freedom, 0)).tolist(), q95.tolist(), strict=True
    )
    return [Psi(value, None, rule, mean, high) if there else None for there, value, mean, high in found]


def filled_shares(pairs: Pairs, epsilon: float | None) -> tuple[Floats, Floats]:
    """Shares of the bins, where an empty one has half a row, or `epsilon`."""
    sides = zip((pairs.left, pairs.right), pairs.shares, pairs.rows, strict=True)
    filled = [
        np.where(counts > 0, share, (0.5 / np.maximum(rows, 1))[pairs.owner] if epsilon is None else epsilon)
        for counts, share, rows in sides
    ]
    return filled[0], filled[1]
