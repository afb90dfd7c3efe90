"""Rows of a file as columns of one length, and which rows are refused."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.drift.cells.grid import Values
from services.drift.cells.tally import Counts
from services.drift.spelling import TRUTHS
from services.drift.uploading.kinds import LONGEST_NAME, MISSING_NUMBERS, number_of
from services.drift.uploading.wishes import Kind

# More would overflow a sum of them.
MOST_WEIGHT = 2**31
TEXTS = {str, type(None)}


class Refused(NamedTuple):
    """A row that is left out: its line, from 1, the column that is wrong, or empty, and why in words."""

    line: int
    column: str
    why: str


class NumberCells(NamedTuple):
    """Cells of a column of numbers, and where they are missing."""

    values: Values
    missing: NDArray[np.bool_]


NameCells = Sequence[str | None]
Cells = NumberCells | NameCells


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows: cells by name of the column, how many rows each stands for, and the values of what makes
    segments."""

    rows: int
    cells: Mapping[str, Cells]
    weights: Counts
    segments: Mapping[str, NameCells] = field(default_factory=dict)

    def take(self, rows: NDArray[np.int64]) -> "Block":
        """The rows of these indices; what makes segments is left behind."""
        return Block(
            len(rows), {name: taken(cells, rows) for name, cells in self.cells.items()}, self.weights[rows]
        )


def taken(cells: Cells, rows: NDArray[np.int64]) -> Cells:
    """The cells of these rows."""
    if isinstance(cells, NumberCells):
        return NumberCells(cells.values[rows], cells.missing[rows])
    return [cells[row] for row in rows.tolist()]


@dataclass(frozen=True, slots=True)
class Asked:
    """A column to read: its name in the file, what it is called, its kind, and words for missing values."""

    column: str
    name: str
    kind: Kind
    missing: frozenset[str] = MISSING_NUMBERS


Wrong = dict[int, tuple[str, str]]
"""By index of a row: the column that is wrong, and why."""


def numbers(asked: Asked, cells: Sequence[Any], wrong: Wrong) -> NumberCells:
    """Cells as numbers; those that are none are put into `wrong`."""
    try:
        # Ten times as fast, and all that a clean column needs: a cell that is no text ends it.
        if "_" not in "".join(cells):
            return NumberCells(np.array(list(map(float, cells))), np.zeros(len(cells), dtype=bool))
    except (TypeError, ValueError, OverflowError):
        pass
    values, missing = np.zeros(len(cells)), np.zeros(len(cells), dtype=bool)
    for index, cell in enumerate(cells):
        if cell is None or (isinstance(cell, str) and cell.strip() in asked.missing):
            missing[index] = True
        elif (number := number_of(cell)) is not None:
            values[index] = number
        elif isinstance(cell, str) and not cell.strip():
            missing[index] = True
        elif isinstance(cell, str) and (truth := TRUTHS.get(cell.strip().lower())):
            # As true of JSON and of Parquet is; CSV has no other way to write it.
            values[index] = float(truth)
        else:
            wrong.setdefault(
                index, (asked.column, f"{_shown(cell)} is no number, as the column's values are")
            )
    return NumberCells(values, missing)


def cells_of(asked: Asked, cells: Sequence[Any], wrong: Wrong) -> Cells:
    """Cells as what the column is."""
    return (numbers if asked.kind is Kind.NUMERIC else names)(asked, cells, wrong)


def names(asked: Asked, cells: Sequence[Any], wrong: Wrong) -> NameCells:
    """Cells as names; those that are none are put into `wrong`."""
    # Names come again and again: each is looked at once. Not so among numbers, where 1 and True are the same.
    if set(map(type, cells)) <= TEXTS and (known := _known(asked, set(cells))) is not None:
        return [known[cell] for cell in cells]
    found: list[str | None] = []
    for index, cell in enumerate(cells):
        name = _name(cell)
        if name is None and cell is not None:
            wrong.setdefault(index, (asked.column, f"{_shown(cell)} is no name"))
        elif name and len(name) > LONGEST_NAME:
            said = f"has {len(name):,} characters, and a category at most {LONGEST_NAME}"
            wrong.setdefault(index, (asked.column, said))
            name = None
        found.append(name if name and name not in asked.missing else None)
    return found


def _known(asked: Asked, cells: Set[str | None]) -> Mapping[str | None, str | None] | None:
    """The name of each text; None where one is no name."""
    if any(cell is not None and len(cell) > LONGEST_NAME for cell in cells):
        return None
    return {cell: cell if cell and cell not in asked.missing else None for cell in cells}


def weights(column: str, cells: Sequence[Any], wrong: Wrong) -> Counts:
    """Cells as whole numbers of rows; those that are none are put into `wrong`."""
    found = np.zeros(len(cells), dtype=np.int64)
    for index, cell in enumerate(cells):
        number = number_of(cell) if cell is not None else None
        if number is None or not 0 <= number <= MOST_WEIGHT or number != int(number):
            said = f"{_shown(cell)} is no whole number from 0 to {MOST_WEIGHT:,}, as a weight is"
            wrong.setdefault(index, (column, said))
        else:
            found[index] = int(number)
    return found


def sound(
    cells: Mapping[str, Cells], segments: Mapping[str, NameCells], weight: Counts, wrong: Wrong
) -> Block:
    """The rows that count: not wrong, and of a weight."""
    good = weight > 0
    good[list(wrong)] = False
    if good.all():
        return Block(len(weight), cells, weight, segments)
    rows = np.flatnonzero(good)
    some = {name: [values[row] for row in rows.tolist()] for name, values in segments.items()}
    return Block(len(rows), {name: taken(cells[name], rows) for name in cells}, weight[rows], some)


def segments_of(
    table: Mapping[str, Sequence[Any]], columns: Mapping[str, str], wrong: Wrong
) -> dict[str, NameCells]:
    """The values that make segments, by name; `columns` are those of the file."""
    return {
        name: names(Asked(column, name, Kind.CATEGORICAL, frozenset()), table[column], wrong)
        for name, column in columns.items()
    }


def _name(cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell) if isinstance(cell, int | float) else None


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else text[:57] + "…"
