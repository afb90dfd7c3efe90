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

from services.drift.statistics.counts import Counts, Floats, Measurement, Pairs, one

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
    pairs = one(reference, current)
    if pairs is None:
        return None
    return measure_many(pairs, places, np.zeros(len(places)) if widths is None else widths)[0]


def measure_many(pairs: Pairs, places: Floats, widths: Floats) -> list[Wasserstein | None]:
    """The same of many features at once; None where a sample is empty."""
    (p, q), starts, owner = pairs.shares, pairs.starts, pairs.owner
    ends = np.append(starts[1:], len(places)) - 1
    # In shares of the range, as squares of great numbers overflow; by halves, as the range itself may.
    halves = places / 2 - (places[starts] / 2)[owner]
    half = np.where(halves[ends] > 0, halves[ends], 1.0)
    at = halves / half[owner]
    steps = np.append(np.diff(at), 0.0)
    steps[ends] = 0.0
    distances = pairs.sum(np.abs(pairs.gaps) * steps)
    deviations = np.sqrt(pairs.sum(p * (at - pairs.sum(p * at)[owner]) ** 2))
    low, high = (at[starts + _reached(pairs, quarter)] for quarter in (1, 3))
    with np.errstate(over="ignore"):
        moved = np.minimum(distances * half * 2, GREATEST)
        margins = np.minimum(pairs.sum((p + q) * widths), GREATEST)
    columns = (pairs.there, moved, margins, distances, deviations, high - low)
    return [
        Wasserstein(value, None, margin, _over(distance, deviation), _over(distance, quartiles))
        if there
        else None
        for there, value, margin, distance, deviation, quartiles in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _reached(pairs: Pairs, quarter: int) -> Counts:
    """Index among each feature's cells of the one where the reference reaches that quarter of its rows."""
    below = pairs.running(pairs.left) * 4 < (quarter * pairs.rows[0])[pairs.owner]
    return np.asarray(pairs.sum(below.astype(np.int64))) * pairs.there


def _over(distance: float, scale: float) -> float | None:
    # One value among equals can leave a scale that is next to nothing beside the range.
    return min(distance / scale, GREATEST) if scale > 0 else None
