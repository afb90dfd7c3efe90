"""A model that answers elsewhere: all that drift knows of it was logged. Its readings go wrong half-way."""

import csv
import io
import random
from collections.abc import Sequence
from typing import NamedTuple

from examples.demo.rows import SHIFT, Question, Supply, deviation, shifted, training_columns
from examples.fleet.columns import CLASSES
from examples.fleet.data import split

DATASET, JUDGED = "breast-cancer", "mean radius"
COLUMNS = (JUDGED, "mean texture", "mean smoothness", "mean compactness", "mean concavity", "mean symmetry")
ANSWER, KEY, TRUTH = "answer", "external_id", "label"
MINUTE = 60.0
# Predictions of each half, so many a minute: the second half lies in a look's window, the first before it.
ROWS, A_MINUTE, WINDOW_MINUTES = 300, 15, 30


class Prediction(NamedTuple):
    """A prediction as it will be logged: `at` in seconds since 1970."""

    key: str
    at: float
    features: dict[str, float]
    label: str
    truth: str


class Stump:
    """Tells a tumour by one reading: the cut that is right most often on the rows it was trained on."""

    def __init__(self) -> None:
        names = CLASSES[DATASET]
        self.columns = {name: training_columns(DATASET)[name] for name in COLUMNS}
        truths = [names[index] for index in split(DATASET)[0].classes]
        readings = self.columns[JUDGED]
        self._cut = max(
            readings,
            key=lambda cut: sum(
                (reading > cut) == (truth == "malignant")
                for reading, truth in zip(readings, truths, strict=True)
            ),
        )

    def answer(self, features: dict[str, float]) -> str:
        """What it takes a tumour for."""
        return "malignant" if features[JUDGED] > self._cut else "benign"

    def training_file(self) -> bytes:
        """What it was trained on, and what it answers there: a table for a baseline."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]
        return _table([*COLUMNS, ANSWER], [[*row.values(), self.answer(row)] for row in rows])

    def predictions(self, begin: float, seed: int, name: str, *, sound: bool) -> list[Prediction]:
        """Up to `begin`, in seconds since 1970: in the second half one reading is too high, unless all is
        sound."""
        supply, by = Supply(DATASET, seed), 0.0 if sound else SHIFT * deviation(self.columns[JUDGED])
        made = []
        for place in range(2 * ROWS):
            late = place >= ROWS
            question = shifted(supply.take(), JUDGED, by) if late else supply.take()
            made.append(self._prediction(question, f"{name}-{place}", _at(begin, place)))
        return made

    def _prediction(self, question: Question, key: str, at: float) -> Prediction:
        features = {name: question.features[name] for name in COLUMNS}
        return Prediction(key, at, features, self.answer(features), question.truth)


def truth_file(predictions: Sequence[Prediction], rng: random.Random) -> bytes:
    """What turned out to be true, in no order."""
    rows = [[one.key, one.truth] for one in predictions]
    rng.shuffle(rows)
    return _table([KEY, TRUTH], rows)


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
