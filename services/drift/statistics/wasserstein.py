"""Wasserstein-1 distance: how far, on average, values must move to turn one sample into the other.

W = integral of |F - G|, from cells: the mass of a cell stands at its value, or in its middle where it holds
several, and that of the outermost ones at their inner ends. No mass is moved further by that than its cell is
wide, which certifies |W - exact W| <= `margin` where all of it lies within the outermost edges. What lies
beyond them stands at the range's end: one wild value in a million moves W by a millionth of the range and no
more; how many there are is told apart, as out of range. Beyond an edge |F - G| is not known, so that the
exact W may be any larger: there is no margin then.

As W is in the feature's unit, it is shown divided by the baseline's standard deviation, from the same cells,
and by its interquartile range.

Reference: S. S. Vallender, Calculation of the Wasserstein distance between probability distributions on the
line, Theory Probab. Appl. 18, 1974.

>>> measure(np.array([1, 1]), np.array([0, 2]), np.array([0.0, 4.0])).value
2.0
"""

import sys
from typing import NamedTuple

import numpy as np

from services.drift.statistics.counts import Counts, Floats, Pairs, Side, one

GREATEST = sys.float_info.max


class Wasserstein(NamedTuple):
    """The distance (`value`, in the feature's unit), how far it may be off, None where nobody knows, and the
    distance in standard deviations and in interquartile ranges of the reference; None where that is 0."""

    value: float
    p_value: None
    margin: float | None
    in_deviations: float | None
    in_quartiles: float | None


def measure(
    reference: Counts, current: Counts, places: Floats, widths: Floats | None = None
) -> Wasserstein | None:
    """Distance of counts on ordered cells whose mass stands at `places`, ascending.

    widths: of the cells; 0 for those of a single value, infinite for open ones, and 0 for all of them if not
    given.
    """
    pairs = one(reference, current)
    if pairs is None:
        return None
    scale = Scale(pairs.before, places, np.zeros(len(places)) if widths is None else widths)
    return measure_many(pairs, scale)[0]


class Scale:
    """Where the mass of each cell stands, and how wide the reference is, of many features at once.

    places: ascending within a feature. widths: of the cells; 0 for those of a single value, infinite for open
    ones.
    """

    def __init__(self, reference: Side, places: Floats, widths: Floats) -> None:
        layout, owner = reference.layout, reference.layout.owner
        self.open = np.isinf(widths)
        self.widths = np.where(self.open, 0.0, widths)
        # In shares of the range, as squares of great numbers overflow; by halves, as the range itself may.
        halves = places / 2 - (places[layout.starts] / 2)[owner]
        self.half = np.where(halves[layout.lasts] > 0, halves[layout.lasts], 1.0)
        at = halves / self.half[owner]
        self.steps = np.append(np.diff(at), 0.0)
        self.steps[layout.lasts] = 0.0
        p = reference.shares
        spread = layout.sum(p * (at - layout.sum(p * at)[owner]) ** 2)
        low, high = (at[layout.starts + _reached(reference, quarter)] for quarter in (1, 3))
        self.deviations, self.quartiles = np.sqrt(spread).tolist(), (high - low).tolist()


def measure_many(pairs: Pairs, scale: Scale) -> list[Wasserstein | None]:
    """The same of many features at once; None where a sample is empty. scale: of the reference."""
    p, q = pairs.shares
    distances = pairs.sum(np.abs(pairs.gaps) * scale.steps)
    with np.errstate(over="ignore"):
        moved = np.minimum(distances * scale.half * 2, GREATEST)
        mass = p + q
        margins = np.minimum(pairs.sum(mass * scale.widths), GREATEST)
    beyond = pairs.sum(mass * scale.open) > 0
    columns = (column.tolist() for column in (moved, margins, beyond, distances))
    return [
        Wasserstein(
            value, None, None if far else margin, _over(distance, deviation), _over(distance, quartiles)
        )
        if there
        else None
        for there, deviation, quartiles, value, margin, far, distance in zip(
            pairs.there, scale.deviations, scale.quartiles, *columns, strict=True
        )
    ]


def _reached(sample: Side, quarter: int) -> Counts:
    """Index among each feature's cells of the one where the sample reaches that quarter of its rows; the
    first in an empty one."""
    below = sample.running * 4 < (quarter * sample.rows)[sample.layout.owner]
    return sample.layout.sum(below.astype(np.int64))


def _over(distance: float, scale: float) -> float | None:
    # One value among equals can leave a scale that is next to nothing beside the range.
    return min(distance / scale, GREATEST) if scale > 0 else None
