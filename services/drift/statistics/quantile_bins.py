"""Pearson's test on bins that were cut at quantiles of the reference itself.

Counts of the reference are equal there because it was cut so; what varies is the true share of each bin. Of a
continuous feature these shares are Dirichlet distributed, with one unit for each gap between neighbouring
values of the reference, whatever its law. A window of m rows then has the counts of a Dirichlet-multinomial:
means m a / A, and (A + m) / (A + 1) times the covariance of a multinomial, where a counts the gaps of a bin
and A all of them. Pearson's sum over these means, divided by that factor, is chi-square distributed with one
degree of freedom less than there are bins. A test of homogeneity, which takes the reference's counts for
chance, rejects up to 15 % of true nulls where the reference is smaller than the window.

References: S. S. Wilks, Mathematical Statistics, 1962, section 8.7 (gaps between order statistics);
J. E. Mosimann, Biometrika 49, 1962 (the compound multinomial).

>>> measure(np.array([10, 10]), np.array([30, 10])).p_value < 0.05
True
"""

import numpy as np
from scipy.special import chdtrc

from services.drift.statistics.chi_square import CHI_SQUARE, TINY, ChiSquare
from services.drift.statistics.counts import Counts, Pairs, one


def measure(reference: Counts, current: Counts) -> ChiSquare | None:
    """Is the current sample of the reference's distribution? Bins in order, each with reference rows."""
    pairs = one(reference, current)
    return measure_many(pairs)[0] if pairs else None


def measure_many(pairs: Pairs) -> list[ChiSquare | None]:
    """The same of many features at once; None where a sample is empty."""
    (n, m), layout = pairs.rows, pairs.layout
    gaps = pairs.left.astype(np.float64)
    # Each bin ends at a value of the reference, and so has a gap for each of its rows; beyond the last value
    # there is one more.
    gaps[layout.lasts] += 1
    wanted = gaps * (m / (n + 1))[pairs.owner]
    distance = (pairs.right - wanted) ** 2 / np.maximum(wanted, TINY)
    freedom = layout.sizes - 1
    values = np.where(freedom > 0, pairs.sum(distance) * (n + 2) / (n + 1 + m), 0.0)
    p_values = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), values), 1.0)
    columns = (column.tolist() for column in (values, p_values, freedom))
    return [
        ChiSquare(value, p, free, CHI_SQUARE, 0) if there else None
        for there, value, p, free in zip(pairs.there, *columns, strict=True)
    ]
