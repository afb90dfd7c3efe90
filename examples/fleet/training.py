"""Training. Every server trains its own model when it starts: it takes well under a second, the seeds are
fixed, and nobody has to trust a pickle."""

import importlib
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
import sklearn
import threadpoolctl  # type: ignore[import-untyped]
from numpy.typing import NDArray

from examples.fleet.catalog import FLEET
from examples.fleet.data import column_indices, split


class Classifier(Protocol):
    """What scikit-learn's classifiers offer; classes are the integers from 0."""

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.int64]: ...
    def predict_proba(self, rows: NDArray[np.float64]) -> NDArray[np.float64]: ...


class Recipe(NamedTuple):
    """An estimator of scikit-learn with its parameters, behind a scaler where it wants one."""

    module: str
    estimator: str
    parameters: dict[str, Any]
    scaled: bool = False

    def make(self) -> Any:
        """Named rather than imported, for a server should not load the six that nobody asked for."""
        made = getattr(importlib.import_module(f"sklearn.{self.module}"), self.estimator)(**self.parameters)
        if not self.scaled:
            return made
        scaler = importlib.import_module("sklearn.preprocessing").StandardScaler()
        return importlib.import_module("sklearn.pipeline").make_pipeline(scaler, made)


FAMILIES = {
    "logistic-regression": Recipe("linear_model", "LogisticRegression", {"max_iter": 1_000}, scaled=True),
    "gradient-boosting": Recipe(
        "ensemble", "GradientBoostingClassifier", {"n_estimators": 60, "max_depth": 2, "random_state": 0}
    ),
    "naive-bayes": Recipe("naive_bayes", "GaussianNB", {}),
    "decision-tree": Recipe("tree", "DecisionTreeClassifier", {"max_depth": 1, "random_state": 0}),
    "nearest-neighbours": Recipe("neighbors", "KNeighborsClassifier", {"n_neighbors": 5}),
    "discriminant-analysis": Recipe("discriminant_analysis", "LinearDiscriminantAnalysis", {}),
    "support-vectors": Recipe("svm", "SVC", {"gamma": 0.001, "random_state": 0}),
}


def load(names: Iterable[str]) -> None:
    """Import what the training of these models would."""
    for recipe in {FLEET[name].family: FAMILIES[FLEET[name].family] for name in names}.values():
        recipe.make()


def train(name: str) -> Classifier:
    """Fit a model of the fleet to the training rows of its data set, on the columns that it reads."""
    # The server checks its input itself; scikit-learn's own checks would be half of a prediction.
    sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
    # Models this small only lose by sharing their work among threads, and so do the other servers.
    threadpoolctl.threadpool_limits(1)
    model = FLEET[name]
    seen = split(model.dataset)[0]
    fitted: Classifier = (
        FAMILIES[model.family]
        .make()
        .fit(seen.features[:, column_indices(model.dataset, model.columns)], seen.classes)
    )
    return fitted
