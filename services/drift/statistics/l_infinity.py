"""L-infinity distance: the largest change of any one bin's share, 0 to 1.

>>> round(measure(np.array([500, 300, 200]), np.array([300, 300, 400])).value, 4)
0.2
"""

import numpy as np

from services.drift.statistics.counts import Counts, Measurement, Pairs, one


def measure(reference: Counts, current: Counts) -> Measurement | None:
    """Distance of two count vectors over the same bins."""
    pairs = one(reference, current)
    return measure_many(pairs)[0] if pairs else None


def measure_many(pairs: Pairs) -> list[Measurement | None]:
    """The same of many features at once; None where a sample is empty."""
    p, q = pairs.shares
    found = zip(pairs.there, pairs.largest(np.abs(p - q)).tolist(), strict=True)
    return [Measurement(value) if there else None for there, value in found]
