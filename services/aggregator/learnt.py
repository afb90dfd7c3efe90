"""A meta-model over the members' answers: which columns it reads, and what it learnt about them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from services.aggregator.answers import Floats

Kind = Literal["softmax", "linear"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a design matrix: for each member, in this order, one per label, in this order; or one
    per member where there are no labels, for members that answer with numbers.

    Who fits a meta-model, a registered one or FitStacker, and who applies it must share the layout: it is
    the whole contract between them.
    """

    members: tuple[str, ...]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a layout without members, or with a name twice."""
        for name, each in (("members", self.members), ("labels", self.labels)):
            if len(set(each)) < len(each):
                raise ValueError(f"{name}: each name once expected, got {list(each)}")
        if not self.members:
            raise ValueError("members: at least one expected")

    @property
    def width(self) -> int:
        """Columns of each member."""
        return max(len(self.labels), 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of each column.

        >>> Layout(("a", "b"), ("no", "yes")).columns
        ('a:no', 'a:yes', 'b:no', 'b:yes')
        """
        if not self.labels:
            return self.members
        return tuple(f"{member}:{label}" for member in self.members for label in self.labels)


@dataclass(frozen=True, eq=False)
class Learnt:
    """A linear meta-model.

    `softmax`: coefficients [labels, columns] and intercept [labels] give logits. `linear`: [1, columns] and
    [1] give a number. `means` [columns] stand in for the columns of an absent member. Logistic regression
    over two labels often has one row of coefficients, for the second label: store [zeros, row].
    """

    members: tuple[str, ...]
    labels: tuple[str, ...]
    coefficients: Floats
    intercept: Floats
    means: Floats
    kind: Kind = "softmax"

    def __post_init__(self) -> None:
        """Raises ValueError naming the field whose shape or numbers do not fit the layout."""
        columns = len(self.layout.columns)
        if self.kind not in ("softmax", "linear"):
            raise ValueError(f"kind: softmax or linear expected, got {self.kind!r}")
        if self.kind == "softmax" and not self.labels:
            raise ValueError("labels: at least one expected for a softmax")
        outputs = len(self.labels) if self.kind == "softmax" else 1
        shapes = {"coefficients": (outputs, columns), "intercept": (outputs,), "means": (columns,)}
        for name, shape in shapes.items():
            found = np.asarray(getattr(self, name), dtype=np.float64)
            if found.shape != shape:
                raise ValueError(f"{name}: the shape {list(shape)} expected, got {list(found.shape)}")
            if not np.all(np.isfinite(found)):
                raise ValueError(f"{name}: finite numbers expected")
            object.__setattr__(self, name, found)

    @property
    def layout(self) -> Layout:
        """The columns that it reads."""
        return Layout(self.members, self.labels)

    @cached_property
    def heard(self) -> dict[str, float]:
        """How much it listens to each member: the sum of its absolute coefficients."""
        columns = np.abs(self.coefficients).sum(axis=0).reshape(len(self.members), -1)
        return dict(zip(self.members, columns.sum(axis=1).tolist(), strict=True))
