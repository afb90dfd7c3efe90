"""What was measured on a sample, and the interval that it stands for.

Shares have Wilson's interval (E. B. Wilson, Probable inference, the law of succession, and statistical
inference, Journal of the American Statistical Association 22, 1927): it stays in 0 to 1 and holds also where
nothing or everything was right. Means have the normal one, from their own variance. What rises with a mean or
a share has the ends of that one's interval, carried over: the delta method without its linear step.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple


class Estimate(NamedTuple):
    """A value with the ends of its interval; None where none can be given."""

    value: float
    low: float | None = None
    high: float | None = None


def deviations(confidence: float) -> float:
    """Standard deviations on either side that hold a share of a normal distribution.

    >>> round(deviations(0.95), 4)
    1.96
    """
    return NormalDist().inv_cdf((1 + confidence) / 2)


def share(hits: float, of: float, z: float) -> Estimate | None:
    """A share with Wilson's interval; None of nothing.

    >>> [round(end, 4) for end in share(8, 10, 1.96)]
    [0.8, 0.4902, 0.9433]
    """
    if not of:
        return None
    value = hits / of
    scale = 1 + z * z / of
    middle = (value + z * z / (2 * of)) / scale
    half = z * sqrt(value * (1 - value) / of + z * z / (4 * of * of)) / scale
    # Rounding must not put the value outside of its interval.
    return Estimate(value, min(max(middle - half, 0.0), value), max(min(middle + half, 1.0), value))


def mean(average: float, squares: float | None, rows: int, z: float) -> Estimate:
    """A mean with the normal interval; `squares` is the mean of the squares. One row has no spread.

    >>> [round(end, 2) for end in mean(2.0, 5.0, 101, 1.96)]
    [2.0, 1.8, 2.2]
    """
    if squares is None or rows < 2:
        return Estimate(average)
    variance = max(squares - average * average, 0.0) * rows / (rows - 1)
    half = z * sqrt(variance / rows)
    return Estimate(average, average - half, average + half)


def root(of: Estimate) -> Estimate:
    """The root of a mean of squares: the ends of its interval are the roots of that one's.

    >>> root(Estimate(4.0, 1.0, 9.0))
    Estimate(value=2.0, low=1.0, high=3.0)
    """
    ends = (None if end is None else sqrt(max(end, 0.0)) for end in (of.low, of.high))
    return Estimate(sqrt(of.value), *ends)


def f1(hits: int, false: int, missed: int, z: float) -> Estimate | None:
    """F1 of a label; None where it was neither predicted nor true.

    Of the rows on which it was predicted or true, the share J on which it was both is a share like any other,
    and F1 = 2 J / (1 + J) rises with it.

    >>> [round(end, 4) for end in f1(6, 1, 3, 1.96)]
    [0.75, 0.4764, 0.9079]
    """
    both = share(hits, hits + false + missed, z)
    if both is None:
        return None
    value, low, high = (2 * one / (1 + one) for one in both if one is not None)
    return Estimate(value, low, high)


def average(some: Sequence[Estimate | None]) -> Estimate | None:
    """The plain mean of estimates, what is undefined counting 0 (macro average); None of none.

    The deviation of a mean is at most the mean of the deviations, however the estimates hang together: so the
    means of the ends hold it, and are rather too wide.

    >>> average([Estimate(0.5, 0.25, 0.75), None])
    Estimate(value=0.25, low=0.125, high=0.375)
    """
    if not some:
        return None
    known = [one for one in some if one is not None]
    lows, highs = [one.low for one in known], [one.high for one in known]
    low = None if None in lows else sum(one for one in lows if one is not None) / len(some)
    high = None if None in highs else sum(one for one in highs if one is not None) / len(some)
    return Estimate(sum(one.value for one in known) / len(some), low, high)
