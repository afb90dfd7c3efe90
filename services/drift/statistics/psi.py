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
from numpy.typing import NDArray
from scipy.special import chdtri

from services.drift.statistics.counts import Counts, Measurement, occupied, pair

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
    checked = pair(reference, current)
    if checked is None:
        return None
    reference, current = occupied(*checked)
    p, q = _shares(reference, epsilon), _shares(current, epsilon)
    value = float(((q - p) * np.log(q / p)).sum())
    scale = 1 / reference.sum() + 1 / current.sum()
    freedom = len(reference) - 1
    # A single bin leaves nothing to vary; scipy gives NaN for a chi-square of 0 degrees.
    q95 = float(scale * chdtri(freedom, 0.05)) if freedom else 0.0
    return Psi(value, None, HALF_COUNT if epsilon is None else EPSILON, float(scale * freedom), q95)


def _shares(counts: Counts, epsilon: float | None) -> NDArray[np.float64]:
    empty_share = 0.5 / counts.sum() if epsilon is None else epsilon
    return np.where(counts > 0, counts / counts.sum(), empty_share)
