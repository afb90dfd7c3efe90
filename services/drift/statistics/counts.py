"""What every statistic takes and gives."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
T = TypeVar("T", np.int64, np.float64)
CountsPair = tuple[Counts, Counts]


class Measured(Protocol):
    """A distance between two samples, and the evidence for it where the statistic is a test."""

    @property
    def value(self) -> float:
        """The distance."""

    @property
    def p_value(self) -> float | None:
        """The chance of so large a one if nothing had changed."""


# Tuples, this one and those of the tests: an analysis has hundreds, and they are made in a third of the time.
class Measurement(NamedTuple):
    """A distance that is no test."""

    value: float
    p_value: None = None


class Layout:
    """Where the bins of each feature begin in one flat array; no feature is without bins."""

    def __init__(self, sizes: Sequence[int] | NDArray[np.intp]) -> None:
        self.sizes = np.array(sizes, dtype=np.intp)
        ends = np.cumsum(self.sizes)
        self.starts = ends - self.sizes
        self.lasts = ends - 1
        self._parts: dict[tuple[int, int], Layout] = {}

    @cached_property
    def owner(self) -> NDArray[np.intp]:
        """For each bin, the feature that it is of."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def part(self, first: int, end: int) -> "Layout":
        """The features from the first to before the end."""
        if (first, end) not in self._parts:
            self._parts[first, end] = Layout(self.sizes[first:end])
        return self._parts[first, end]

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum of the values of each feature's bins."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def largest(self, values: NDArray[T]) -> NDArray[T]:
        """Largest of the values of each feature's bins."""
        return np.asarray(np.maximum.reduceat(values, self.starts))

    def slices(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """The values by feature."""
        return [values[start : last + 1] for start, last in self._ends]

    @cached_property
    def _ends(self) -> list[tuple[int, int]]:
        return list(zip(self.starts.tolist(), self.lasts.tolist(), strict=True))


class Side:
    """Count vectors of many features of one sample, one after the other. What follows from them alone is
    computed once: a reference is measured against again and again."""

    def __init__(self, counts: Counts, layout: Layout) -> None:
        self.counts = counts
        self.layout = layout
        self._parts: dict[tuple[int, int], Side] = {}

    def part(self, first: int, end: int) -> "Side":
        """The features from the first to before the end."""
        if (first, end) not in self._parts:
            places = self.layout.starts[first : first + 1], self.layout.lasts[end - 1 : end] + 1
            start, stop = (int(place.sum()) for place in places)
            self._parts[first, end] = Side(self.counts[start:stop], self.layout.part(first, end))
        return self._parts[first, end]

    @cached_property
    def rows(self) -> Counts:
        """Rows of each feature."""
        return self.layout.sum(self.counts)

    @cached_property
    def whole(self) -> Counts:
        """Rows of each bin's feature; 1 in an empty sample, which has shares of 0."""
        return np.asarray(np.maximum(self.rows, 1)[self.layout.owner])

    @cached_property
    def shares(self) -> Floats:
        """Share of each bin."""
        return self.counts / self.whole

    @cached_property
    def roots(self) -> Floats:
        """Their square roots."""
        return np.sqrt(self.shares)

    @cached_property
    def running(self) -> Counts:
        """Counts up to each bin of its feature, that bin included."""
        total = np.cumsum(self.counts)
        return np.asarray(total - (total - self.counts)[self.layout.starts][self.layout.owner])

    @cached_property
    def distribution(self) -> Floats:
        """The distribution function at the right end of each bin."""
        # Shares are divided last: equal shares then differ by exactly nothing, whatever the sample sizes.
        return self.running / self.whole


class Pairs:
    """Count vectors of many features, of the reference and of the current sample, in the same layout.

    Each statistic then is a few passes over one array, however many features there are: twenty-five of them,
    one by one, cost ten times as much.
    """

    def __init__(self, before: Side, after: Side) -> None:
        self.before = before
        self.after = after
        self.layout = before.layout
        self.left, self.right = before.counts, after.counts
        self.starts, self.owner = self.layout.starts, self.layout.owner
        self.sum, self.largest = self.layout.sum, self.layout.largest

    @classmethod
    def of(cls, pairs: Sequence[CountsPair]) -> "Pairs":
        """Of vectors that are known to be counts."""
        layout = Layout([len(left) for left, _ in pairs])
        left, right = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
        return cls(Side(left, layout), Side(right, layout))

    def part(self, first: int, end: int) -> "Pairs":
        """The features from the first to before the end."""
        return Pairs(self.before.part(first, end), self.after.part(first, end))

    @property
    def features(self) -> int:
        """How many features there are."""
        return len(self.starts)

    @cached_property
    def rows(self) -> CountsPair:
        """Rows of each feature in both samples."""
        return self.before.rows, self.after.rows

    @cached_property
    def there(self) -> list[bool]:
        """Which features have rows in both samples: the others are not measured."""
        found: list[bool] = ((self.rows[0] > 0) & (self.rows[1] > 0)).tolist()
        return found

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """Share of each bin in its sample; 0 in an empty one."""
        return self.before.shares, self.after.shares

    @cached_property
    def occupied(self) -> NDArray[np.bool_]:
        """Which bins are not empty in both samples: those carry no evidence."""
        return (self.left + self.right) > 0

    @cached_property
    def occupied_bins(self) -> Counts:
        """How many of them each feature has."""
        return self.sum(self.occupied.astype(np.int64))

    @cached_property
    def gaps(self) -> Floats:
        """Difference of the two distribution functions at the right end of each bin."""
        return self.before.distribution - self.after.distribution


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
