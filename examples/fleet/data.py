"""The data, which ship inside scikit-learn, and its one split into rows to learn from and rows to be asked
about."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.model_selection import train_test_split

from examples.fleet.columns import CLASSES, COLUMNS

# Small shares to learn from: plenty of rows stay unseen, and models stay as different as they are in life.
TRAINING_ROWS = {"breast-cancer": 200, "digits": 600}
# Fixed: every model server and every demo must agree on what nobody has seen.
SPLIT_SEED = 1


class Rows(NamedTuple):
    """`features` is [rows, columns] in the order of COLUMNS; `classes` are indices into CLASSES."""

    features: NDArray[np.float64]
    classes: NDArray[np.int64]


def split(dataset: str) -> tuple[Rows, Rows]:
    """(training rows, unseen rows) of `breast-cancer` or `digits`, the same in every process."""
    digits = dataset == "digits"
    bunch = datasets.load_digits() if digits else datasets.load_breast_cancer()
    classes = bunch.target if digits else 1 - bunch.target
    seen, unseen, seen_classes, unseen_classes = train_test_split(
        np.asarray(bunch.data, np.float64),
        np.asarray(classes, np.int64),
        train_size=TRAINING_ROWS[dataset],
        stratify=bunch.target,
        random_state=SPLIT_SEED,
    )
    return Rows(seen, seen_classes), Rows(unseen, unseen_classes)


def holdout(dataset: str, seed: int) -> tuple[NDArray[np.float64], list[str]]:
    """Rows that no model of the fleet was trained on, in an order drawn from `seed`, and their true labels.

    Columns are in the order of `COLUMNS[dataset]`.
    """
    unseen = split(dataset)[1]
    order = np.random.default_rng(seed).permutation(len(unseen.classes))
    names = CLASSES[dataset]
    return unseen.features[order], [names[index] for index in unseen.classes[order]]


def column_indices(dataset: str, names: tuple[str, ...]) -> list[int]:
    """Where columns stand in a data set."""
    return [COLUMNS[dataset].index(name) for name in names]
