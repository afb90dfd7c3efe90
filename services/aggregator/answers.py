"""What members answer, as arrays: the nouns that combiners read and return."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """One class per row.

    `labels` name the columns, `chosen` [rows] points into them; `probabilities` [rows, labels] sum to 1 in
    each row, and are None where the member gave labels only.
    """

    labels: tuple[str, ...]
    chosen: Integers
    probabilities: Floats | None = None

    @property
    def rows(self) -> int:
        return len(self.chosen)

    @property
    def names(self) -> list[str]:
        """The label of each row."""
        return [self.labels[index] for index in self.chosen]


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """One number per row: `values` [rows], finite."""

    values: Floats

    @property
    def rows(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Text:
    """A text; texts agree when they are equal but for white space around them."""

    content: str
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer of another kind (`json`, `tensors`, `embedding`): it can be chosen, not combined."""

    kind: str
    rows: int = 1


Answer = Classes | Numbers | Text | Whole


@dataclass(frozen=True, slots=True, eq=False)
class Ballot:
    """What one member answered, and how much it counts.

    `weight` is None where none was declared; `confidence` [rows], 0 to 1, is None where there is none.
    """

    member: str
    answer: Answer
    weight: float | None = None
    confidence: Floats | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer is, as it stands, that of the ballot at this index."""

    ballot: int


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """One answer out of several.

    `shares` [members, rows] is the weight that each had, 1 in sum over the members; `tied` [rows] marks rows
    whose leaders were level, so that the tie rule decided. `notes` are for people, a sentence each.
    """

    answer: Classes | Numbers | Taken
    shares: Floats
    tied: Flags
    notes: tuple[str, ...] = ()


KINDS: dict[type[Answer], str] = {Classes: "classes", Numbers: "numbers", Text: "text"}


def kind_of(answer: Answer) -> str:
    """The kind in the words that messages use."""
    return answer.kind if isinstance(answer, Whole) else KINDS[type(answer)]
