"""L-infinity distance: the largest change of any one bin's share, 0 to 1.

>>> round(measure(np.array([500, 300, 200]), np.array([300, 300, 400])).value, 4)
0.2
"""

import numpy as np

from services.drift.statistics.counts import Counts, Measurement, pair


def measure(reference: Counts, current: Counts) -> Measurement | None:
    """Distance of two count vectors over the same bins."""
    checked = pair(reference, current)
    if checked is None:
        return None
    p, q = (counts / counts.sum() for counts in checked)
    return Measurement(float(np.abs(p - q).max()), None)
