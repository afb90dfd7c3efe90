"""Matched panels as a design matrix, in the layout that whoever applies a meta-model reads too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[Any]


class Labelled(NamedTuple):
    """A label, and the probability of each label; empty where the member gave none."""

    label: str
    shares: Mapping[str, float]


# What a member said of a row: its label and the probability of each where it gave them; or a number.
Said: TypeAlias = Labelled | float


class Row(NamedTuple):
    """What every member said of a row, in the order of the members; what was true; and the unit."""

    said: Sequence[Said]
    truth: str | float
    unit: str


@dataclass(frozen=True)
class Panels:
    """Rows of full panels. members: variants in the order of the columns. labels: in the order of a member's
    columns; empty for numbers, of which each member has one column.

    columns: [rows, members x max(labels, 1)], member by member. truth: [rows], the place of the label, or the
    number. said: [rows, members], the same of what each member answered. units: [rows], 0 and up.
    """

    members: Sequence[str]
    labels: Sequence[str]
    columns: Floats
    truth: Floats
    said: Floats
    units: Integers


def matched(members: Sequence[str], rows: Sequence[Row]) -> Panels:
    """Rows as arrays; all are of one kind. A label that nobody gave a probability has 0, and 1 in the answer
    of a member that gave none; shares that do not sum to 1 are divided by their sum, as they are when the
    meta-model is applied."""
    units: dict[str, int] = {}
    numbers = [units.setdefault(row.unit, len(units)) for row in rows]
    if rows and isinstance(rows[0].truth, str):
        labels = _labels(rows)
        places = {label: place for place, label in enumerate(labels)}
        columns = np.array([_spread(row, places) for row in rows])
        truth = np.array([places[str(row.truth)] for row in rows], np.float64)
        said = np.array(
            [[places[one.label] for one in row.said if isinstance(one, Labelled)] for row in rows]
        )
        return Panels(members, labels, columns, truth, said.astype(np.float64), np.array(numbers, np.intp))
    values = np.array([[float(one) for one in row.said if not isinstance(one, Labelled)] for row in rows])
    truth = np.array([float(row.truth) for row in rows])
    values = values.reshape(len(rows), len(members))
    return Panels(members, (), values, truth, values, np.array(numbers, np.intp))


def _labels(rows: Sequence[Row]) -> list[str]:
    """Every label that was given or true, in their order."""
    known = {str(row.truth) for row in rows}
    for row in rows:
        for one in row.said:
            if isinstance(one, Labelled):
                known |= {one.label, *one.shares}
    return sorted(known)


def _spread(row: Row, places: Mapping[str, int]) -> Floats:
    made = np.zeros((len(row.said), len(places)))
    for member, one in enumerate(row.said):
        if not isinstance(one, Labelled):
            continue
        whole = sum(one.shares.values())
        shares = one.shares if whole > 0 else {one.label: 1.0}
        for label, share in shares.items():
            made[member, places[label]] = share / (whole or 1.0)
    return made.reshape(-1)
