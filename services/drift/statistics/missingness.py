"""Has the rate of missing values changed? A 2 x 2 test apart: missing values enter no distribution.

>>> measure(np.array([90, 10]), np.array([60, 40])).p_value < 1e-5
True
"""

from typing import NamedTuple

import numpy as np

from services.drift.statistics import chi_square
from services.drift.statistics.counts import Counts, Pairs, one


class Missingness(NamedTuple):
    """`value` is the current rate less the reference's; both rates lie between 0 and 1."""

    value: float
    p_value: float
    reference_rate: float
    current_rate: float


def measure(reference: Counts, current: Counts) -> Missingness | None:
    """Test on (present, missing...) counts: everything after the first column is missing in some way."""
    if one(reference, current) is None:
        return None
    left, right = (np.array([counts[0], counts[1:].sum()]) for counts in (reference, current))
    return measure_many(Pairs.of([(left, right)]))[0]


def measure_many(pairs: Pairs) -> list[Missingness | None]:
    """The same of many features at once, (present, missing) each; None where a sample is empty."""
    before, after = (shares[pairs.starts + 1].tolist() for shares in pairs.shares)
    found = zip(chi_square.measure_many(pairs), before, after, strict=True)
    return [
        Missingness(later - earlier, test.p_value, earlier, later) if test else None
        for test, earlier, later in found
    ]
