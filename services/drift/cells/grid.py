"""Numeric cells: at most 256 right-closed intervals whose edges are frozen at the baseline.

Edges are inverted-CDF quantiles (observed values, no interpolation). Each decile is split on its own, so the
deciles of PSI are unions of cells and PSI from cells is exact. The outermost cells lie beyond the range of
the sample that a grid is frozen at, so what falls out of range is counted without a counter of its own.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.drift.cells.singles import as_meant
from services.drift.cells.tally import Counts, Tally

Values = NDArray[np.float64]

MAX_CELLS = 256
# Grids that are frozen at a sample stay well below it, whatever its values are.
WIDEST_FROZEN = 0.02
DECILES = 10
BESIDE = 4
MISSING, NAN, POSITIVE_INFINITY, NEGATIVE_INFINITY = range(-BESIDE, 0)


@dataclass(frozen=True)
class Grid:
    """Frozen cells of one numeric feature.

    edges: the right ends of every cell but the last, strictly increasing; cell i is (edges[i-1], edges[i]].
    bins: for each cell, the PSI bin that it is part of.
    width: the largest baseline mass inside one cell that holds more than one value; bounds the KS bracket.

    A tally's columns are the cells, then MISSING, NAN, POSITIVE_INFINITY and NEGATIVE_INFINITY.
    """

    edges: Values
    bins: NDArray[np.int64]
    width: float

    @cached_property
    def id(self) -> str:
        """Names the cells: counts may be added only on equal ids."""
        return hashlib.sha256(self.edges.astype("<f8").tobytes()).hexdigest()[:16]

    @cached_property
    def packed(self) -> tuple[bytes, bytes]:
        """Edges and bins as bytes, always the same ones: what is known of equal grids is found by them."""
        return self.edges.tobytes(), self.bins.tobytes()

    @property
    def size(self) -> int:
        """How many columns a tally on this grid has."""
        return len(self.edges) + 1 + BESIDE

    @cached_property
    def singletons(self) -> NDArray[np.bool_]:
        """True for cells that hold exactly one value: they add no uncertainty to the KS bracket."""
        alone = np.zeros(len(self.edges) + 1, dtype=bool)
        alone[1:-1] = just_below(self.edges[1:]) == self.edges[:-1]
        return alone

    @cached_property
    def few_values(self) -> bool:
        """True if each baseline value has a PSI bin of its own: no more of them than there are deciles."""
        # Then the gaps share one bin, so bins do not follow the cells' order.
        return bool((np.diff(self.bins) < 0).any())

    @property
    def crude(self) -> bool:
        """True if its cells are too wide for bins that end at deciles: they were not cut at the baseline."""
        return self.width > WIDEST_FROZEN

    @cached_property
    def firsts(self) -> NDArray[np.intp] | None:
        """The first cell of each bin, where bins are runs of cells in order and none is left out."""
        firsts = np.flatnonzero(np.diff(self.bins, prepend=-1))
        return firsts if np.array_equal(self.bins[firsts], np.arange(len(firsts))) else None

    @cached_property
    def widths(self) -> Values:
        """Width of each cell that holds several values, in the feature's unit; 0 of the others, and infinite
        of the two that are open."""
        with np.errstate(over="ignore"):
            # Of the whole range of floats there is no width: nothing in a cell of infinite width weighs NaN.
            whole = np.minimum(np.diff(self.edges), np.finfo(np.float64).max)
        inner = np.where(self.singletons[1:-1], 0.0, whole)
        return np.pad(inner, 1, constant_values=np.inf)

    @cached_property
    def places(self) -> Values:
        """Where the mass of each cell stands, ascending: at its value, or in its middle. The outermost cells
        stand at their inner ends, for a wild value may be the other one; and what is out of range beside
        them."""
        lefts = np.where(self.singletons[1:-1], self.edges[1:], self.edges[:-1])
        middles = lefts / 2 + self.edges[1:] / 2
        middles[0] = self.edges[1] if len(middles) > 1 else middles[0]
        middles[-1] = lefts[-1]
        return np.maximum.accumulate(np.pad(middles, 1, mode="edge"))

    def count(self, values: ArrayLike, missing: int = 0) -> Tally:
        """Count values (any shape, NaN and infinities allowed) beside `missing` absent ones."""
        array = as_meant(np.asarray(values, dtype=np.float64).ravel())
        array = np.sort(array)
        columns = np.zeros(self.size, dtype=np.int64)
        columns[MISSING] = missing
        # What is not finite is sorted to the ends, NaN last of all.
        if array.size and not (array[0] > -np.inf and array[-1] < np.inf):
            first, last = array.searchsorted((-np.inf, np.inf), side="right")
            end = array.searchsorted(np.inf)
            columns[NEGATIVE_INFINITY], columns[POSITIVE_INFINITY] = first, last - end
            columns[NAN] = array.size - last
            array = array[first:end]
        # Few edges among sorted values take a sixth of the time of many values among the edges.
        cells = columns[:-BESIDE]
        cells[:-1], cells[-1] = array.searchsorted(self.edges, side="right"), array.size
        cells[1:] -= cells[:-1]
        return Tally(columns)

    def present(self, tally: Tally) -> Counts:
        """Counts of the finite values, by cell."""
        return tally.columns[:-BESIDE]

    def absent(self, tally: Tally) -> int:
        """How many values were missing or not finite."""
        return int(sum(tally.columns[-BESIDE:].tolist()))

    def ends(self, tally: Tally) -> tuple[float | None, float | None]:
        """The least value and the greatest one, as far as the cells tell: the outer ends of the first and the
        last that hold any; None of a cell that is open."""
        filled = np.flatnonzero(self.present(tally))
        if not filled.size:
            return None, None
        first, last = int(filled[0]), int(filled[-1])
        # An edge lies just below the first value of its cell; above it comes -0.0, which nobody has said.
        low = float(np.nextafter(self.edges[first - 1], np.inf)) + 0.0 if first else None
        return low, float(self.edges[last]) if last < len(self.edges) else None

    def beyond(self, tally: Tally) -> NDArray[np.bool_]:
        """True for cells that surely lie beyond the range of the values in the tally; of none they all do.

        How far a cell at an end reaches past the last of them nobody knows: it is not beyond."""
        filled = np.flatnonzero(self.present(tally))
        outer = np.ones(len(self.edges) + 1, dtype=bool)
        if filled.size:
            outer[filled[0] : filled[-1] + 1] = False
        return outer

    def coarse(self, tally: Tally) -> Counts:
        """Counts by PSI bin."""
        if self.firsts is not None:
            return np.asarray(np.add.reduceat(self.present(tally), self.firsts))
        binned = np.zeros(int(self.bins.max()) + 1, dtype=np.int64)
        np.add.at(binned, self.bins, self.present(tally))
        return binned


def just_below(values: Values) -> Values:
    """The greatest numbers below the values."""
    # Below the least number there is -inf, which ends a cell as well as any other.
    with np.errstate(over="ignore"):
        return np.nextafter(values, -np.inf)
