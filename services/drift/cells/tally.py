"""Counts on a frame: additive and subtractable, so any window is a sum of buckets in any order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Integer counts of one feature.

    `columns` has the frame's layout (its cells or names, then what is counted beside them);
    `unseen` counts by name the categories that the baseline did not know.
    """

    columns: Counts
    unseen: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Self) -> "Tally":
        return Tally(self.columns + other.columns, added(self.unseen, other.unseen))

    def __sub__(self, other: Self) -> "Tally":
        """What is left without `other`, a part of this tally. Raises ValueError if it was no part."""
        columns, unseen = self.columns - other.columns, added(self.unseen, other.unseen, sign=-1)
        if (columns < 0).any() or any(count < 0 for count in unseen.values()):
            raise ValueError("cannot subtract a tally that was never added")
        return Tally(columns, unseen)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        return np.array_equal(self.columns, other.columns) and self.unseen == other.unseen

    __hash__ = None  # type: ignore[assignment]  # arrays do not hash

    @property
    def rows(self) -> int:
        """How many values were counted, missing ones included."""
        return int(self.columns.sum()) + sum(self.unseen.values())


def added(left: Mapping[str, int], right: Mapping[str, int], sign: int = 1) -> dict[str, int]:
    """Counts by name, `right` added with its sign; names in order."""
    # Zeros are dropped, so that adding and subtracting again gives an equal tally, not a look-alike.
    total = {name: left.get(name, 0) + sign * right.get(name, 0) for name in left.keys() | right.keys()}
    return {name: total[name] for name in sorted(total) if total[name]}
