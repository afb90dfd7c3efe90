"""Grids from samples: which cells a baseline's numbers are counted in from then on."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.drift.cells.grid import BESIDE, DECILES, MAX_CELLS, Grid, Values, just_below
from services.drift.cells.sample import NOTHING_FINITE, Sample, rank_of
from services.drift.cells.tally import Counts, Tally

# Two cells are spent on what lies outside the baseline's range; 254 is 25 or 26 to a decile.
FINEST = MAX_CELLS - 2
# Coarser splits that are tried where heavy atoms need cells of their own.
SPLITS = range(FINEST, DECILES, -12)
# Singletons and the gaps around them fit while 2D + 1 <= 256.
FEW_VALUES = (MAX_CELLS - 1) // 2


def freeze(values: ArrayLike) -> Grid:
    """The grid of a baseline sample. Only finite values enter; raises ValueError if there is none."""
    return freeze_sample(Sample.of(values))


def freeze_sample(sample: Sample) -> Grid:
    """The grid of a sample, which may have lost what `thinned` leaves out."""
    edges = _isolate(sample.values) if sample.distinct <= FEW_VALUES else _split(sample)
    return Grid(edges, _bins(sample, edges), _width(sample, edges))


def tally_sample(grid: Grid, sample: Sample) -> Tally:
    """Counts of the sample on the grid that was frozen at it; of finite values only."""
    columns = np.zeros(grid.size, dtype=np.int64)
    ends = np.append(sample.below(grid.edges), sample.rows)
    columns[:-BESIDE] = np.diff(ends, prepend=0)
    return Tally(columns)


def thinned(ascending: Iterable[tuple[Values, Counts]], rows: int) -> Sample:
    """The sample of `rows` values that come as ascending, distinct ones with their counts, without those that
    freezing never asks for: a few thousand are left of any number. Raises ValueError if there is none."""
    ranks = _ranks(rows)
    kept: list[tuple[Values, Counts, Counts]] = []
    before = distinct = 0
    for values, counts in ascending:
        ends = before + np.cumsum(counts)
        asked = ranks[(ranks > before) & (ranks <= ends[-1])]
        keep = counts * MAX_CELLS >= rows
        keep[np.searchsorted(ends, asked, side="left")] = True
        keep[: max(FEW_VALUES - distinct, 0)] = True
        kept.append((values[keep], counts[keep], ends[keep]))
        before, distinct = int(ends[-1]), distinct + len(values)
    if not distinct:
        raise ValueError(NOTHING_FINITE)
    parts = [np.concatenate(part) for part in zip(*kept, strict=True)]
    return Sample(parts[0], parts[1], parts[2], distinct)


def _ranks(rows: int) -> NDArray[np.int64]:
    """Every rank that a split may ask for, and the greatest value's."""
    asked = [rank_of(np.arange(1, DECILES + 1), DECILES, rows)]
    for cells in SPLITS:
        asked += [rank_of(numerators, denominator, rows) for numerators, denominator in _fractions(cells)]
    return np.unique(np.concatenate(asked))


def _fractions(cells: int) -> list[tuple[NDArray[np.int64], int]]:
    """The quantiles that split the deciles into `cells` cells: numerators and denominator, by decile."""
    least, extra = divmod(cells, DECILES)
    steps = [least + (decile < extra) for decile in range(DECILES)]
    return [(decile * step + np.arange(1, step + 1), DECILES * step) for decile, step in enumerate(steps)]


def _isolate(values: Values) -> Values:
    """Edges that give each value a cell of its own: just below it, and at it."""
    return np.unique(np.concatenate([just_below(values), values]))


def _split(sample: Sample) -> Values:
    """The split whose heaviest cell of several values is lightest; the finest wins a tie."""
    # Without atoms no coarser split can be better, and trying them all takes 17 ms.
    splits = SPLITS if sample.atoms(MAX_CELLS).size else SPLITS[:1]
    candidates = [_split_into(cells, sample) for cells in splits]
    return min((edges for edges in candidates if len(edges) < MAX_CELLS), key=lambda e: _width(sample, e))


def _split_into(cells: int, sample: Sample) -> Values:
    """Deciles split into `cells` cells, then atoms isolated, heaviest first, while cells are left."""
    fine = [sample.quantiles(*fraction) for fraction in _fractions(cells)]
    ends = just_below(sample.values[:1])
    edges = np.unique(np.concatenate([ends, decile_edges(sample), *fine]))
    heavy = np.argsort(-sample.masses, kind="stable")[: MAX_CELLS // 2]
    atoms = sample.values[heavy[sample.masses[heavy] * MAX_CELLS >= sample.rows]]
    # A set: in a few hundred rows every value is an atom, and a union of arrays for each costs seconds.
    kept = set(edges.tolist())
    for sides in zip(just_below(atoms).tolist(), atoms.tolist(), strict=True):
        new = set(sides) - kept
        if len(kept) + len(new) < MAX_CELLS:
            kept |= new
    return np.array(sorted(kept))


def decile_edges(sample: Sample) -> Values:
    """PSI's edges: the nine deciles, and both sides of every atom of at least a tenth."""
    deciles = sample.quantiles(np.arange(1, DECILES), DECILES)
    return np.union1d(deciles, _isolate(sample.atoms(DECILES)))


def _bins(sample: Sample, edges: Values) -> NDArray[np.int64]:
    """PSI bin of each cell: one per value and OTHER for up to ten values, otherwise the deciles."""
    if sample.distinct > DECILES:
        rights = np.append(edges, np.inf)
        return np.searchsorted(decile_edges(sample), rights, side="left").astype(np.int64)
    bins = np.full(len(edges) + 1, sample.distinct, dtype=np.int64)
    bins[np.searchsorted(edges, sample.values, side="left")] = np.arange(sample.distinct)
    return bins


def _width(sample: Sample, edges: Values) -> float:
    several = just_below(edges[1:]) > edges[:-1]
    masses = np.diff(sample.below(edges))[several]
    return float(masses.max(initial=0) / sample.rows)
