"""A model that answers elsewhere: all that drift knows of it was logged.

Its readings come from two scanners, one of which goes wrong half-way.
"""

import csv
import io
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from examples.demo.rows import SHIFT, Question, Supply, deviation, shifted, training_columns, training_labels

DATASET, JUDGED, LOST, GRADE, GRADED = (
    "breast-cancer",
    "mean radius",
    "mean symmetry",
    "grade",
    "worst texture",
)
COLUMNS = (JUDGED, "mean texture", "mean smoothness", "mean compactness", "mean concavity", LOST)
ANSWER, KEY, TRUTH, SCANNER = "answer", "external_id", "label", "scanner"
OLD, NEW = "old", "new"
GRADES, UNREADABLE = ("fine", "medium", "coarse"), "unreadable"
MINUTE = 60.0
# Predictions of each half, so many a minute: the second half lies in a look's window, the first before it.
ROWS, A_MINUTE, WINDOW_MINUTES = 300, 15, 30
# Of three rows the new scanner makes two. Out of order it loses one reading in four, misreads one in eight.
A_THIRD, LOSES, MISREADS = 3, 4, 8


class Prediction(NamedTuple):
    """A prediction as it will be logged: `at` in seconds since 1970, `lost` what was not read."""

    key: str
    at: float
    features: dict[str, float]
    grade: str
    lost: tuple[str, ...]
    scanner: str
    label: str
    truth: str


class Stump:
    """Tells a tumour by one reading: the cut that is right most often on the rows it was trained on."""

    def __init__(self) -> None:
        seen, truths = training_columns(DATASET), training_labels(DATASET)
        self.columns = {name: seen[name] for name in COLUMNS}
        readings = self.columns[JUDGED]
        self._cut = max(
            readings,
            key=lambda cut: sum(
                (reading > cut) == (truth == "malignant")
                for reading, truth in zip(readings, truths, strict=True)
            ),
        )
        self._thirds = np.quantile(seen[GRADED], (1 / 3, 2 / 3)).tolist()
        self.names = {
            GRADE: [self._grade(texture) for texture in seen[GRADED]],
            ANSWER: [self.answer(reading) for reading in readings],
            SCANNER: [_scanner(place) for place in range(len(readings))],
        }

    def answer(self, reading: float) -> str:
        """What it takes a tumour for."""
        return "malignant" if reading > self._cut else "benign"

    def training_file(self) -> bytes:
        """What it was trained on, and what it answers there: a table for a baseline."""
        columns: dict[str, Sequence[object]] = {**self.columns, **self.names}
        return _table([*columns], [[*row] for row in zip(*columns.values(), strict=True)])

    def predictions(self, begin: float, seed: int, name: str, *, sound: bool) -> list[Prediction]:
        """Up to `begin`, in seconds since 1970. In the second half the new scanner's radius is too high, and
        now and then it leaves a reading out or cannot grade, unless all is sound."""
        supply, by = Supply(DATASET, seed), SHIFT * deviation(self.columns[JUDGED])
        made = []
        for place in range(2 * ROWS):
            wrong = place >= ROWS and _scanner(place) == NEW and not sound
            question = shifted(supply.take(), JUDGED, by) if wrong else supply.take()
            made.append(self._prediction(question, place, f"{name}-{place}", _at(begin, place), wrong=wrong))
        return made

    def _prediction(self, question: Question, place: int, key: str, at: float, *, wrong: bool) -> Prediction:
        lost = (LOST,) if wrong and place % LOSES == 0 else ()
        features = {name: question.features[name] for name in COLUMNS if name not in lost}
        grade = self._grade(question.features[GRADED])
        if wrong and place % MISREADS == 1:
            grade = UNREADABLE
        label = self.answer(features[JUDGED])
        return Prediction(key, at, features, grade, lost, _scanner(place), label, question.truth)

    def _grade(self, texture: float) -> str:
        return GRADES[sum(texture > third for third in self._thirds)]


def truth_file(truths: Mapping[str, str], rng: random.Random) -> bytes:
    """What turned out to be true by the predictions' keys, in no order."""
    rows = [[key, truth] for key, truth in truths.items()]
    rng.shuffle(rows)
    return _table([KEY, TRUTH], rows)


def _scanner(place: int) -> str:
    return NEW if place % A_THIRD else OLD


def _at(begin: float, place: int) -> float:
    """When a prediction was made: A_MINUTE in each minute, the halves an hour apart, the last one recent."""
    half, within = divmod(place, ROWS)
    minutes = 2 + (1 - half) * 60 + (ROWS - 1 - within) // A_MINUTE
    return begin // MINUTE * MINUTE - minutes * MINUTE + (within % A_MINUTE) * 2


def _table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue().encode()
