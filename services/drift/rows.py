"""What was logged of predictions, as rows to count: what the model was given, and what it said."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.state.sound import Seconds

Floats = NDArray[np.float64]
NOTHING_WITHHELD = frozenset[str]()
NO_NUMBERS: Mapping[str, float] = MappingProxyType({})
NO_TEXTS: Mapping[str, str] = MappingProxyType({})
NO_WORDS: Mapping[str, Sequence[str]] = MappingProxyType({})
NONE_WITHHELD: Mapping[int, frozenset[str]] = MappingProxyType({})


class Said(NamedTuple):
    """What a model answered, row by row: a label, and the probability of it or the value; None where the
    answer has none."""

    labels: Sequence[str | None]
    scores: Sequence[float | None]


# Tuples, as they are made in a third of the time of other classes.
class Row(NamedTuple):
    """One logged row: its event time in seconds since the epoch, and its features. What the router was told
    not to log is in `withheld`: it is neither there nor missing.

    said: the model's answer, None where there is none or it is not logged.
    """

    time: float
    numeric: Mapping[str, float] = NO_NUMBERS
    categorical: Mapping[str, str] = NO_TEXTS
    withheld: frozenset[str] = NOTHING_WITHHELD
    said: Said | None = None

    @property
    def size(self) -> int:
        """How many rows it is."""
        return 1

    @property
    def given(self) -> bool:
        """Whether the features are known at all."""
        return True

    def hidden(self) -> Collection[str]:
        """Features that some row withholds."""
        return self.withheld

    def showing(self, name: str) -> "Row | None":
        """The rows that do not withhold this feature; None where all do."""
        return None if name in self.withheld else self

    def answers(self) -> Iterator[Said]:
        """What the model said, where it is known."""
        if self.said is not None:
            yield self.said


class Block(NamedTuple):
    """Rows of one prediction, `size` of them: a tensor's columns, as they are. given: whether the features
    are known at all, or the answer alone. An answer to rows that are counted already comes with none. texts:
    columns of texts; an empty text is none."""

    time: float
    size: int
    numeric: Mapping[str, Floats]
    said: Said | None = None
    given: bool = True
    texts: Mapping[str, Sequence[str]] = NO_WORDS

    def hidden(self) -> Collection[str]:
        """Features that some row withholds: none of tensors."""
        return NOTHING_WITHHELD

    def showing(self, _name: str) -> "Block":
        """The rows that do not withhold a feature."""
        return self

    def answers(self) -> Iterator[Said]:
        """What the model said, where it is known."""
        if self.said is not None:
            yield self.said


class Records(NamedTuple):
    """Rows of as many predictions, whose features are the bytes of a TabularInput each.

    times: whole seconds since the epoch, [rows]. packed: the features of each row. withheld: what the router
    was told not to log of them, by row, where there is any. said: the model's answer to each row, None where
    there is none; empty where nobody counts answers.
    """

    times: Seconds
    packed: Sequence[bytes]
    withheld: Mapping[int, frozenset[str]] = NONE_WITHHELD
    said: Sequence[Said | None] = ()

    @property
    def size(self) -> int:
        """How many rows they are."""
        return len(self.packed)

    @property
    def given(self) -> bool:
        """Whether the features are known at all."""
        return True

    def hidden(self) -> Collection[str]:
        """Features that some row withholds."""
        return NOTHING_WITHHELD.union(*self.withheld.values()) if self.withheld else NOTHING_WITHHELD

    def showing(self, name: str) -> "Records":
        """The rows that do not withhold this feature."""
        held = {row for row, names in self.withheld.items() if name in names}
        return self.at([row for row in range(self.size) if row not in held]) if held else self

    def answers(self) -> Iterator[Said]:
        """What the model said, where it is known."""
        return (said for said in self.said if said is not None)

    def at(self, rows: Sequence[int]) -> "Records":
        """Some of the rows, in this order."""
        packed, said, withheld = self.packed, self.said, self.withheld
        return Records(
            self.times[rows],
            [packed[row] for row in rows],
            {to: withheld[row] for to, row in enumerate(rows) if row in withheld} if withheld else withheld,
            [said[row] for row in rows] if said else said,
        )


# Of one prediction.
One = Row | Block
Rows = One | Records
