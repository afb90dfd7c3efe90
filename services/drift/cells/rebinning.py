"""Grids from counts: cells that somebody counted in before, with PSI's bins laid anew."""

import numpy as np
from numpy.typing import NDArray

from services.drift.cells.freezing import decile_edges
from services.drift.cells.grid import DECILES, Grid, Values, just_below
from services.drift.cells.sample import Sample
from services.drift.cells.tally import Counts


def regrid(edges: Values, counts: Counts) -> Grid:
    """The grid of cells that end at `edges`, whose reference has these counts, one more than there are edges.

    Its bins are unions of cells, at the cells where the deciles fall. Raises ValueError where nothing was
    counted."""
    filled = np.flatnonzero(counts)
    if not filled.size:
        raise ValueError("a baseline needs at least one finite value")
    return Grid(edges, _bins(counts, filled), _width(edges, counts))


def _bins(counts: Counts, filled: NDArray[np.int64]) -> NDArray[np.int64]:
    """PSI bin of each cell. A cell stands for a value: quantiles of cells are cells."""
    cells = np.arange(len(counts), dtype=np.float64)
    if filled.size <= DECILES:
        bins = np.full(len(counts), filled.size, dtype=np.int64)
        bins[filled] = np.arange(filled.size)
        return bins
    masses = counts[filled]
    sample = Sample(cells[filled], masses, np.cumsum(masses), filled.size)
    return np.searchsorted(decile_edges(sample), cells, side="left").astype(np.int64)


def _width(edges: Values, counts: Counts) -> float:
    several = np.ones(len(counts), dtype=bool)
    several[1:-1] = just_below(edges[1:]) > edges[:-1]
    return float(counts[several].max(initial=0) / counts.sum())
