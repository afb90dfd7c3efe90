"""Jensen-Shannon divergence, base 2: how far two samples are from their average, 0 (equal) to 1 (disjoint).

JSD = H(m) - (H(p) + H(q)) / 2 with m the average of p and q; the distance is its square root, and a metric.

Reference: J. Lin, Divergence Measures Based on the Shannon Entropy, IEEE Trans. Inf. Theory 37, 1991.

>>> measure(np.array([5, 0]), np.array([0, 3])).value
1.0
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from services.drift.statistics.counts import Counts, Measurement, pair


@dataclass(frozen=True, slots=True)
class JensenShannon(Measurement):
    """The divergence (`value`) and the distance, its square root."""

    distance: float


def measure(reference: Counts, current: Counts) -> JensenShannon | None:
    """Divergence of two count vectors over the same bins."""
    checked = pair(reference, current)
    if checked is None:
        return None
    p, q = (counts / counts.sum() for counts in checked)
    middle = (p + q) / 2
    # Rounding can leave a few ulps below zero, whose root would be NaN.
    divergence = min(max((_bits(p, middle) + _bits(q, middle)) / 2, 0.0), 1.0)
    return JensenShannon(divergence, None, sqrt(divergence))


def _bits(p: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    return float(rel_entr(p, middle).sum() / np.log(2))
