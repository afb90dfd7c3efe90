"""What was logged of a prediction, as rows to count: what the model was given, and what it said."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NOTHING_WITHHELD = frozenset[str]()
NO_NUMBERS: Mapping[str, float] = MappingProxyType({})
NO_TEXTS: Mapping[str, str] = MappingProxyType({})


class Said(NamedTuple):
    """What a model answered, row by row: a label, and the probability of it or the value; None where the
    answer has none."""

    labels: Sequence[str | None]
    scores: Sequence[float | None]


# Tuples, as there is one for each prediction, and they are made in a third of the time of other classes.
class Row(NamedTuple):
    """One logged row: its event time in seconds since the epoch, and its features, in `packed` where they are
    the bytes of a TabularInput. What the router was told not to log is in `withheld`: it is neither there nor
    missing.

    said: the model's answer, None where there is none or it is not logged.
    """

    time: float
    numeric: Mapping[str, float] = NO_NUMBERS
    categorical: Mapping[str, str] = NO_TEXTS
    withheld: frozenset[str] = NOTHING_WITHHELD
    said: Said | None = None
    packed: bytes | None = None

    @property
    def size(self) -> int:
        """How many rows it is."""
        return 1

    @property
    def given(self) -> bool:
        """Whether the features are known at all."""
        return True


class Block(NamedTuple):
    """Rows of one prediction, `size` of them: a tensor's columns, as they are. given: whether the features
    are known at all, or the answer alone. An answer to rows that are counted already comes with none."""

    time: float
    size: int
    numeric: Mapping[str, Floats]
    said: Said | None = None
    given: bool = True


Rows = Row | Block
