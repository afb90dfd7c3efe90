"""What members answer, as arrays: the nouns that combiners read and return."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.aggregator.canonical import Json, canonical, key_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """One class per row.

    `labels` name the columns, `chosen` [rows] points into them; `probabilities` [rows, labels] sum to 1 in
    each row, and are None where the member gave labels only. `rescaled` tells that they did not when they
    were given, by more than rounding.
    """

    labels: tuple[str, ...]
    chosen: Integers
    probabilities: Floats | None = None
    rescaled: bool = False

    @property
    def rows(self) -> int:
        return len(self.chosen)

    @property
    def names(self) -> list[str]:
        """The label of each row."""
        # A list's numbers are found in a tenth of the time that an array's take.
        return [self.labels[index] for index in self.chosen.tolist()]


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


@dataclass(frozen=True, eq=False)
class Structure:
    """A JSON value, made canonical. Raises NotJson for what is none."""

    value: Json
    rows: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", canonical(self.value))

    @cached_property
    def key(self) -> str:
        """Equal for equal structures."""
        return key_of(self.value)


class ToolCall(NamedTuple):
    """A tool that a member asks to call; the id that it gave the call is its own affair."""

    name: str
    arguments: Json


@dataclass(frozen=True, eq=False)
class Calls:
    """Tool calls in their order, arguments made canonical. Raises NotJson for arguments that are no JSON."""

    calls: tuple[ToolCall, ...]
    rows: int = 1

    def __post_init__(self) -> None:
        made = tuple(ToolCall(call.name, canonical(call.arguments)) for call in self.calls)
        object.__setattr__(self, "calls", made)

    @cached_property
    def value(self) -> Json:
        """The same as JSON: a list of names with arguments."""
        return [{"arguments": call.arguments, "name": call.name} for call in self.calls]

    @cached_property
    def key(self) -> str:
        """Equal for equal calls."""
        return key_of(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """Named tensors as the model returned them: one answer, however many rows they hold."""

    tensors: Mapping[str, NDArray[Any]]
    rows: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """An embedding per row: `values` [rows, dimension], finite."""

    values: Floats

    @property
    def rows(self) -> int:
        return len(self.values)


Answer = Classes | Numbers | Text | Structure | Calls | Tensors | Vectors


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
    `confidence` [rows], 0 to 1, is None where a method has none but the probabilities of its answer.
    """

    answer: Answer | Taken
    shares: Floats
    tied: Flags
    notes: tuple[str, ...] = ()
    confidence: Floats | None = None


KINDS: dict[type[Answer], str] = {
    Classes: "labels",
    Numbers: "numbers",
    Text: "text",
    Structure: "json",
    Calls: "tool calls",
    Tensors: "tensors",
    Vectors: "embedding",
}


def kind_of(answer: Answer) -> str:
    """The kind in the words that messages use."""
    return KINDS[type(answer)]
