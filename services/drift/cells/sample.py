"""A sample of numbers, as its distinct values and how often each of them was there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.drift.cells.grid import Values
from services.drift.cells.singles import as_meant
from services.drift.cells.tally import Counts

NOTHING_FINITE = "a baseline needs at least one finite value"


@dataclass(frozen=True, slots=True)
class Sample:
    """Distinct values, ascending; how many rows have each, and how many have it or less. Some values may be
    left out; `distinct` counts them too, and so do the ranks of those that are there."""

    values: Values
    masses: Counts
    ends: Counts
    distinct: int

    @classmethod
    def of(cls, values: ArrayLike) -> "Sample":
        """The finite values. Raises ValueError if there is none."""
        array = as_meant(np.asarray(values, dtype=np.float64).ravel())
        # Adding zero turns -0.0 into 0.0: one value, one spelling, one grid id.
        distinct, counts = np.unique(array[np.isfinite(array)] + 0.0, return_counts=True)
        if not distinct.size:
            raise ValueError(NOTHING_FINITE)
        return cls(distinct, counts, np.cumsum(counts), distinct.size)

    @property
    def rows(self) -> int:
        """How many values, each as often as it was there."""
        return int(self.ends[-1])

    def quantiles(self, numerators: NDArray[np.int64], denominator: int) -> Values:
        """Inverted CDF at numerators / denominator."""
        ranks = rank_of(numerators, denominator, self.rows)
        return self.values[np.searchsorted(self.ends, ranks, side="left")]

    def atoms(self, parts: int) -> Values:
        """Values that carry at least 1/parts of the mass."""
        return self.values[self.masses * parts >= self.rows]

    def below(self, edges: Values) -> Counts:
        """How many rows are at or below each edge, which is a value, just below one, or beyond all."""
        # From the value above, not the one below, which may be left out.
        ahead = np.searchsorted(self.values, edges, side="right")
        starts = np.append(self.ends - self.masses, self.rows)
        at = self.values[np.maximum(ahead - 1, 0)] == edges
        return np.where(at, self.ends[np.maximum(ahead - 1, 0)], starts[ahead])


def rank_of(numerators: NDArray[np.int64], denominator: int, rows: int) -> NDArray[np.int64]:
    """Ranks of quantiles, from 1, in integers: 0.7 * 10 rounds up to 8 in floats."""
    return -(-numerators * rows // denominator)
