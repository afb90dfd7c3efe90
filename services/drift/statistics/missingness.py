"""Has the rate of missing values changed? A 2 x 2 test apart: missing values enter no distribution.

>>> measure(np.array([90, 10]), np.array([60, 40])).p_value < 1e-5
True
"""

from dataclasses import dataclass

import numpy as np

from services.drift.statistics import chi_square
from services.drift.statistics.counts import Counts, Measurement, pair


@dataclass(frozen=True, slots=True)
class Missingness(Measurement):
    """`value` is the current rate less the reference's; both rates lie between 0 and 1."""

    p_value: float
    reference_rate: float
    current_rate: float


def measure(reference: Counts, current: Counts) -> Missingness | None:
    """Test on (present, missing...) counts: everything after the first column is missing in some way."""
    checked = pair(reference, current)
    if checked is None:
        return None
    left, right = (np.array([counts[0], counts[1:].sum()]) for counts in checked)
    test = chi_square.measure(left, right)
    p_value = test.p_value if test else 1.0
    before, after = (float(counts[1] / counts.sum()) for counts in (left, right))
    return Missingness(after - before, p_value, before, after)
