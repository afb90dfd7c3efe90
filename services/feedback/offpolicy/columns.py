"""Features of logged requests as columns of numbers: so many, and no more."""

import math
from collections.abc import Mapping

import numpy as np

from services.feedback.offpolicy.sample import Floats

# Of numbers, and again of values of categories; those that are seen first. More would fit noise.
MOST_COLUMNS = 32


class Columns:
    """Collects rows; a number that is missing or not finite takes the mean of its column."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], int] = {}
        self._counts = [0, 0]
        self._rows: list[dict[int, float]] = []

    def add(self, numbers: Mapping[str, float], words: Mapping[str, str]) -> None:
        """One more row."""
        row: dict[int, float] = {}
        for name, value in numbers.items():
            place = self._place((name, ""), kind=0)
            if place is not None and math.isfinite(value):
                row[place] = value
        for pair in words.items():
            place = self._place(pair, kind=1)
            if place is not None:
                row[place] = 1.0
        self._rows.append(row)

    def _place(self, column: tuple[str, str], *, kind: int) -> int | None:
        if column not in self._places and self._counts[kind] < MOST_COLUMNS:
            self._counts[kind] += 1
            self._places[column] = len(self._places)
        return self._places.get(column)

    def matrix(self) -> Floats:
        """[rows, columns], finite."""
        made = np.full((len(self._rows), len(self._places)), np.nan)
        for (_, word), place in self._places.items():
            if word:
                made[:, place] = 0.0
        for at, row in enumerate(self._rows):
            for place, value in row.items():
                made[at, place] = value
        lacking = np.isnan(made)
        counts = np.maximum((~lacking).sum(axis=0), 1)
        means = np.where(lacking, 0.0, made).sum(axis=0) / counts
        return np.where(lacking, means, made)
