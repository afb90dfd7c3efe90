"""Hellinger distance: how little two samples overlap, 0 (equal) to 1 (disjoint).

H = sqrt(1 - sum over bins of sqrt(p q)), computed as |sqrt p - sqrt q| / sqrt 2, which is the same and keeps
its digits where the samples are nearly equal. It is a metric, and needs no rule for empty bins.

Reference: E. Hellinger, Neue Begründung der Theorie quadratischer Formen, J. reine angew. Math. 136, 1909.

>>> round(measure(np.array([500, 300, 200]), np.array([300, 300, 400])).value, 4)
0.1728
"""

from math import sqrt

from services.drift.statistics.counts import Counts, Measurement, Pairs, one


def measure(reference: Counts, current: Counts) -> Measurement | None:
    """Distance of two count vectors over the same bins."""
    pairs = one(reference, current)
    return measure_many(pairs)[0] if pairs else None


def measure_many(pairs: Pairs) -> list[Measurement | None]:
    """The same of many features at once; None where a sample is empty."""
    squares = pairs.sum((pairs.before.roots - pairs.after.roots) ** 2).tolist()
    # Rounding can leave a few ulps above one.
    found = zip(pairs.there, squares, strict=True)
    return [Measurement(min(sqrt(value) / sqrt(2), 1.0)) if there else None for there, value in found]
