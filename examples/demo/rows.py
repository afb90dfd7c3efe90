"""Questions with known answers: rows that no model has seen, drawn by a seed."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from examples.fleet.columns import CLASSES, COLUMNS
from examples.fleet.data import holdout, split

# How far a feature is moved, in standard deviations of the training rows.
SHIFT = 1.5


class Question(NamedTuple):
    """A record and its true label."""

    features: Mapping[str, float]
    truth: str


class Supply:
    """Rows of one data set without end: all of them in a drawn order, then all again in another."""

    def __init__(self, dataset: str, seed: int) -> None:
        self._columns = COLUMNS[dataset]
        self._dataset = dataset
        self._seeds = iter(np.random.SeedSequence(seed).generate_state(1000).tolist())
        self._rows: list[Question] = []

    def take(self) -> Question:
        """The next question."""
        if not self._rows:
            features, labels = holdout(self._dataset, next(self._seeds))
            records = (dict(zip(self._columns, row, strict=True)) for row in features.tolist())
            self._rows = [Question(record, label) for record, label in zip(records, labels, strict=True)]
        return self._rows.pop()


def training_columns(dataset: str) -> dict[str, list[float]]:
    """What the models were trained on, by column: what a baseline is made from."""
    seen = split(dataset)[0].features
    return {name: seen[:, place].tolist() for place, name in enumerate(COLUMNS[dataset])}


def training_labels(dataset: str) -> list[str]:
    """What was true of the rows that the models were trained on."""
    names = CLASSES[dataset]
    return [names[index] for index in split(dataset)[0].classes]


def shifted(question: Question, feature: str, by: float) -> Question:
    """The same with one feature moved; the truth stays: not the world has changed, but its measurement."""
    return Question({**question.features, feature: question.features[feature] + by}, question.truth)


def deviation(values: list[float]) -> float:
    """Standard deviation."""
    return float(np.std(values))
