"""Jensen-Shannon divergence, base 2: how far two samples are from their average, 0 (equal) to 1 (disjoint).

JSD = H(m) - (H(p) + H(q)) / 2 with m the average of p and q; the distance is its square root, and a metric.

Reference: J. Lin, Divergence Measures Based on the Shannon Entropy, IEEE Trans. Inf. Theory 37, 1991.

>>> measure(np.array([5, 0]), np.array([0, 3])).value
1.0
"""

from math import log, sqrt
from typing import NamedTuple

from scipy.special import rel_entr

from services.drift.statistics.counts import Counts, Pairs, one


class JensenShannon(NamedTuple):
    """The divergence (`value`) and the distance, its square root."""

    value: float
    p_value: None
    distance: float


def measure(reference: Counts, current: Counts) -> JensenShannon | None:
    """Divergence of two count vectors over the same bins."""
    pairs = one(reference, current)
    return measure_many(pairs)[0] if pairs else None


def measure_many(pairs: Pairs) -> list[JensenShannon | None]:
    """The same of many features at once; None where a sample is empty."""
    p, q = pairs.shares
    middle = (p + q) / 2
    nats = (pairs.sum(rel_entr(p, middle)) + pairs.sum(rel_entr(q, middle))).tolist()
    # Rounding can leave a few ulps below zero, whose root would be NaN.
    divergences = [min(max(one / (2 * log(2)), 0.0), 1.0) for one in nats]
    found = zip(pairs.there, divergences, strict=True)
    return [JensenShannon(value, None, sqrt(value)) if there else None for there, value in found]
