"""What a count proves: 95 % bounds, from small numbers on."""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

ALPHA = 0.05


class Interval(NamedTuple):
    """An estimate and the 95 % interval around it."""

    estimate: float
    low: float
    high: float


def paired(rows: int, only_first: int, only_second: int, of: int = 1) -> Interval:
    """How much more often the first of two is right than the second on the same `rows`; `only_first` are
    those on which the first alone was right. `of` comparisons it holds for all at once (Bonferroni).

    The adjusted Wald interval for matched pairs, half an observation added to each of the four cells: A.
    Agresti and Y. Min, Simple improved confidence intervals for comparing matched proportions, Statistics in
    Medicine 24 (2005). Rows count as independent, which rows of one batch may not be.

    >>> [round(bound, 3) for bound in paired(100, 12, 2)]
    [0.1, 0.026, 0.17]
    """
    total, first, second = rows + 2, only_first + 0.5, only_second + 0.5
    middle = (first - second) / total
    half = (
        NormalDist().inv_cdf(1 - ALPHA / 2 / of)
        * sqrt(max((first + second) - (first - second) ** 2 / total, 0.0))
        / total
    )
    return Interval((only_first - only_second) / rows, max(middle - half, -1.0), min(middle + half, 1.0))


def at_most(trials: int) -> float:
    """The greatest share that is compatible with not having happened once: 1 - 0.05^(1/n), the exact
    one-sided 95 % bound of C. Clopper and E. Pearson (1934); about 3 / n.

    >>> round(at_most(59), 3)
    0.05
    """
    return float(1 - ALPHA ** (1 / trials))
