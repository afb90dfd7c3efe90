"""Wasserstein-1 distance: how far, on average, values must move to turn one sample into the other.

W = integral of |F - G|, from cells: the mass of a cell stands at its value, or in its middle where it holds
several, and that of the outermost ones at their inner ends. No mass is moved further by that than its cell is
wide, which certifies |W - exact W| <= `margin` for what lies within the baseline's range. What lies beyond it
stands at the range's end: one wild value in a million moves W by a millionth of the range and no more; how
many there are is told apart, as out of range.

As W is in the feature's unit, it is shown divided by the baseline's standard deviation, from the same cells,
and by its interquartile range.

Reference: S. S. Vallender, Calculation of the Wasserstein distance between probability distributions on the
line, Theory Probab. Appl. 18, 1974.

>>> measure(np.array([1, 1]), np.array([0, 2]), np.array([0.0, 4.0])).value
2.0
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.drift.statistics.counts import Counts, Measurement, pair

Floats = NDArray[np.float64]
GREATEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Wasserstein(Measurement):
    """The distance (`value`, in the feature's unit), how far it may be off, and the distance in standard
    deviations and in interquartile ranges of the reference; None where that is 0."""

    margin: float
    in_deviations: float | None
    in_quartiles: float | None


def measure(
    reference: Counts, current: Counts, places: Floats, widths: Floats | None = None
) -> Wasserstein | None:
    """Distance of counts on ordered cells whose mass stands at `places`, ascending.

    widths: of the cells; 0 for those of a single value, and for all of them if not given.
    """
    checked = pair(reference, current)
    if checked is None:
        return None
    p, q = (counts / counts.sum() for counts in checked)
    n, m = (int(counts.sum()) for counts in checked)
    # In shares of the range, as squares of great numbers overflow; by halves, as the range itself may.
    halves = places / 2 - places[0] / 2
    half = float(halves[-1]) or 1.0
    at = halves / half
    # Shares of the samples are divided last: equal ones then differ by exactly nothing, whatever their sizes.
    gaps = np.abs(np.cumsum(checked[0]) / n - np.cumsum(checked[1]) / m)
    distance = float((gaps[:-1] * np.diff(at)).sum())
    margin = _margin(p + q, widths) if widths is not None else 0.0
    deviation = float(np.sqrt((p * (at - (p * at).sum()) ** 2).sum()))
    ends = np.cumsum(checked[0]) * 4
    low, high = (float(at[np.searchsorted(ends, quarter * n)]) for quarter in (1, 3))
    found = (min(one, GREATEST) for one in (distance * half * 2, margin))
    return Wasserstein(
        next(found), None, next(found), _over(distance, deviation), _over(distance, high - low)
    )


def _margin(held: Floats, widths: Floats) -> float:
    """Mass times the width that it lies in; infinite where that range has no double, as an empty cell may."""
    filled = held > 0
    with np.errstate(over="ignore"):
        return float((held[filled] * widths[filled]).sum())


def _over(distance: float, scale: float) -> float | None:
    # One value among equals can leave a scale that is next to nothing beside the range.
    return min(distance / scale, GREATEST) if scale > 0 else None
