"""Numeric cells: at most 256 right-closed intervals whose edges are frozen at the baseline.

Edges are inverted-CDF quantiles (observed values, no interpolation). Each decile is split on its own, so the
deciles of PSI are unions of cells and PSI from cells is exact. The outermost cells lie beyond the baseline's
range, so what falls out of range is counted without a counter of its own.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.drift.cells.tally import Counts, Tally

Values = NDArray[np.float64]

MAX_CELLS = 256
DECILES = 10
# Two cells are spent on what lies outside the baseline's range; 254 is 25 or 26 to a decile.
FINEST = MAX_CELLS - 2
# Coarser splits that are tried where heavy atoms need cells of their own.
SPLITS = range(FINEST, DECILES, -12)
# Singletons and the gaps around them fit while 2D + 1 <= 256.
FEW_VALUES = (MAX_CELLS - 1) // 2
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

    @property
    def size(self) -> int:
        """How many columns a tally on this grid has."""
        return len(self.edges) + 1 + BESIDE

    @cached_property
    def singletons(self) -> NDArray[np.bool_]:
        """True for cells that hold exactly one value: they add no uncertainty to the KS bracket."""
        alone = np.zeros(len(self.edges) + 1, dtype=bool)
        alone[1:-1] = _just_below(self.edges[1:]) == self.edges[:-1]
        return alone

    @property
    def few_values(self) -> bool:
        """True if each baseline value has a PSI bin of its own: no more of them than there are deciles."""
        # Then the gaps share one bin, so bins do not follow the cells' order.
        return bool((np.diff(self.bins) < 0).any())

    @cached_property
    def widths(self) -> Values:
        """Width of each cell that holds several values, in the feature's unit; 0 of the others and of the two
        that lie out of range."""
        with np.errstate(over="ignore"):
            inner = np.where(self.singletons[1:-1], 0.0, np.diff(self.edges))
        return np.pad(inner, 1)

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
        array = np.asarray(values, dtype=np.float64).ravel()
        finite = np.isfinite(array)
        columns = np.zeros(self.size, dtype=np.int64)
        columns[MISSING] = missing
        if not finite.all():
            odd, array = array[~finite], array[finite]
            columns[NAN] = np.isnan(odd).sum()
            columns[POSITIVE_INFINITY] = (odd == np.inf).sum()
            columns[NEGATIVE_INFINITY] = (odd == -np.inf).sum()
        cell = np.searchsorted(self.edges, array, side="left")
        columns[:-BESIDE] = np.bincount(cell, minlength=len(self.edges) + 1)
        return Tally(columns)

    def present(self, tally: Tally) -> Counts:
        """Counts of the finite values, by cell."""
        return tally.columns[:-BESIDE]

    def absent(self, tally: Tally) -> int:
        """How many values were missing or not finite."""
        return int(tally.columns[-BESIDE:].sum())

    def outside(self, tally: Tally) -> int:
        """How many finite values lay beyond the baseline's range."""
        cells = self.present(tally)
        return int(cells[0] + cells[-1])

    def coarse(self, tally: Tally) -> Counts:
        """Counts by PSI bin."""
        binned = np.zeros(int(self.bins.max()) + 1, dtype=np.int64)
        np.add.at(binned, self.bins, self.present(tally))
        return binned


@dataclass(frozen=True, slots=True)
class _Sample:
    """A baseline sample as its distinct values and the ranks that they end at."""

    values: Values
    ends: Counts

    @property
    def rows(self) -> int:
        return int(self.ends[-1])

    @property
    def masses(self) -> Counts:
        return np.diff(self.ends, prepend=0)

    def quantiles(self, numerators: NDArray[np.int64], denominator: int) -> Values:
        """Inverted CDF at numerators / denominator, in integers: 0.7 * 10 rounds up to 8 in floats."""
        ranks = -(-numerators * self.rows // denominator)
        return self.values[np.searchsorted(self.ends, ranks, side="left")]

    def atoms(self, parts: int) -> Values:
        """Values that carry at least 1/parts of the mass."""
        return self.values[self.masses * parts >= self.rows]

    def below(self, edges: Values) -> Counts:
        """How many rows are at or below each edge."""
        return np.concatenate([[0], self.ends])[np.searchsorted(self.values, edges, side="right")]


def freeze(values: ArrayLike) -> Grid:
    """The grid of a baseline sample. Only finite values enter; raises ValueError if there is none."""
    array = np.asarray(values, dtype=np.float64).ravel()
    # Adding zero turns -0.0 into 0.0: one value, one spelling, one grid id.
    distinct, counts = np.unique(array[np.isfinite(array)] + 0.0, return_counts=True)
    if not distinct.size:
        raise ValueError("a baseline needs at least one finite value")
    sample = _Sample(distinct, np.cumsum(counts))
    edges = _isolate(distinct) if distinct.size <= FEW_VALUES else _split(sample)
    return Grid(edges, _bins(sample, edges), _width(sample, edges))


def _isolate(values: Values) -> Values:
    """Edges that give each value a cell of its own: just below it, and at it."""
    return np.unique(np.concatenate([_just_below(values), values]))


def _just_below(values: Values) -> Values:
    # Below the least number there is -inf, which ends a cell as well as any other.
    with np.errstate(over="ignore"):
        return np.nextafter(values, -np.inf)


def _split(sample: _Sample) -> Values:
    """The split whose heaviest cell of several values is lightest; the finest wins a tie."""
    # Without atoms no coarser split can be better, and trying them all takes 17 ms.
    splits = SPLITS if sample.atoms(MAX_CELLS).size else SPLITS[:1]
    candidates = [_split_into(cells, sample) for cells in splits]
    return min((edges for edges in candidates if len(edges) < MAX_CELLS), key=lambda e: _width(sample, e))


def _split_into(cells: int, sample: _Sample) -> Values:
    """Deciles split into `cells` cells, then atoms isolated, heaviest first, while cells are left."""
    least, extra = divmod(cells, DECILES)
    steps = [least + (decile < extra) for decile in range(DECILES)]
    fine = [
        sample.quantiles(decile * step + np.arange(1, step + 1), DECILES * step)
        for decile, step in enumerate(steps)
    ]
    ends = _just_below(sample.values[:1])
    edges = np.unique(np.concatenate([ends, _decile_edges(sample), *fine]))
    heavy = np.argsort(-sample.masses, kind="stable")[: MAX_CELLS // 2]
    atoms = sample.values[heavy[sample.masses[heavy] * MAX_CELLS >= sample.rows]]
    # A set: in a few hundred rows every value is an atom, and a union of arrays for each costs seconds.
    kept = set(edges.tolist())
    for sides in zip(_just_below(atoms).tolist(), atoms.tolist(), strict=True):
        new = set(sides) - kept
        if len(kept) + len(new) < MAX_CELLS:
            kept |= new
    return np.array(sorted(kept))


def _decile_edges(sample: _Sample) -> Values:
    """PSI's edges: the nine deciles, and both sides of every atom of at least a tenth."""
    deciles = sample.quantiles(np.arange(1, DECILES), DECILES)
    return np.union1d(deciles, _isolate(sample.atoms(DECILES)))


def _bins(sample: _Sample, edges: Values) -> NDArray[np.int64]:
    """PSI bin of each cell: one per value and OTHER for up to ten values, otherwise the deciles."""
    if sample.values.size > DECILES:
        rights = np.append(edges, np.inf)
        return np.searchsorted(_decile_edges(sample), rights, side="left").astype(np.int64)
    bins = np.full(len(edges) + 1, sample.values.size, dtype=np.int64)
    bins[np.searchsorted(edges, sample.values, side="left")] = np.arange(sample.values.size)
    return bins


def _width(sample: _Sample, edges: Values) -> float:
    several = _just_below(edges[1:]) > edges[:-1]
    masses = np.diff(sample.below(edges))[several]
    return float(masses.max(initial=0) / sample.rows)
