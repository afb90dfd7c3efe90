"""What every statistic takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
CountsPair = tuple[Counts, Counts]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A distance between two samples, and the evidence for it where the statistic is a test."""

    value: float
    p_value: float | None


@dataclass(frozen=True)
class Pairs:
    """Count vectors of many features, reference and current, one after the other in two flat arrays.

    Each statistic then is a few passes over one array, however many features there are: twenty-five of them,
    one by one, cost ten times as much. starts: where each feature's bins begin; none is without bins.
    """

    left: Counts
    right: Counts
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, pairs: Sequence[CountsPair]) -> "Pairs":
        """Of vectors that are known to be counts."""
        sizes = np.fromiter((len(left) for left, _ in pairs), dtype=np.intp, count=len(pairs))
        left, right = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
        return cls(left, right, np.cumsum(sizes) - sizes)

    @property
    def features(self) -> int:
        """How many features there are."""
        return len(self.starts)

    @cached_property
    def owner(self) -> NDArray[np.intp]:
        """For each bin, the feature that it is of."""
        sizes = np.diff(self.starts, append=len(self.left))
        return np.repeat(np.arange(self.features), sizes)

    @cached_property
    def rows(self) -> CountsPair:
        """Rows of each feature in both samples."""
        return self.sum(self.left), self.sum(self.right)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """Which features have rows in both samples: the others are not measured."""
        return (self.rows[0] > 0) & (self.rows[1] > 0)

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """Share of each bin in its sample; 0 in an empty one."""
        n, m = (np.maximum(rows, 1)[self.owner] for rows in self.rows)
        return self.left / n, self.right / m

    @cached_property
    def occupied(self) -> NDArray[np.bool_]:
        """Which bins are not empty in both samples: those carry no evidence."""
        return (self.left + self.right) > 0

    @cached_property
    def gaps(self) -> Floats:
        """Difference of the two distribution functions at the right end of each bin."""
        n, m = (np.maximum(rows, 1)[self.owner] for rows in self.rows)
        # Shares are divided last: equal shares then differ by exactly nothing, whatever the sample sizes.
        return self.running(self.left) / n - self.running(self.right) / m

    def running(self, counts: Counts) -> Counts:
        """Counts up to each bin of its feature, that bin included."""
        total = np.cumsum(counts)
        return np.asarray(total - (total - counts)[self.starts][self.owner])

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum of the values of each feature's bins."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def largest(self, values: Floats) -> Floats:
        """Largest of the values of each feature's bins."""
        return np.asarray(np.maximum.reduceat(values, self.starts))


def one(reference: Counts, current: Counts) -> Pairs | None:
    """Two vectors, checked; None if a sample is empty. Raises ValueError on what cannot be counts."""
    reference, current = np.asarray(reference, dtype=np.int64), np.asarray(current, dtype=np.int64)
    if reference.ndim != 1 or reference.shape != current.shape:
        raise ValueError(
            f"counts must be two vectors of one length, got {reference.shape} and {current.shape}"
        )
    if (reference < 0).any() or (current < 0).any():
        raise ValueError("counts must not be negative")
    return Pairs.of([(reference, current)]) if reference.sum() and current.sum() else None
