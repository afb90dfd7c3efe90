"""Linear meta-models: fitted by scikit-learn, kept as coefficients, applied by a product.

    labels:  p = softmax(coefficients x + intercepts)
    numbers: y = coefficients x + intercepts

Reference: D. Wolpert, Stacked generalization, Neural Networks 5 (1992); K. Ting and I. Witten, Issues in
stacked generalization, JAIR 10 (1999).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from services.feedback.stackers.panels import Floats, Integers, Panels

# An output that was never true has next to no probability, and a finite logit.
NEVER = 30.0
ITERATIONS = 2000
# C of the logistic regression, alpha of the ridge on standardised columns.
STRENGTHS: Mapping[str, tuple[float, ...]] = {"logistic": (0.1, 1.0, 10.0), "ridge": (0.1, 1.0, 10.0, 100.0)}


class Meta(NamedTuple):
    """coefficients: [outputs, columns]; intercepts: [outputs]; fill: [columns], means in training."""

    coefficients: Floats
    intercepts: Floats
    fill: Floats

    def scores(self, columns: Floats) -> Floats:
        """[rows, outputs]: logits, or the number."""
        return np.asarray(columns @ self.coefficients.T + self.intercepts)


def kind_of(panels: Panels) -> str:
    """logistic for labels, ridge for numbers."""
    return "logistic" if panels.labels else "ridge"


def fit(panels: Panels, rows: Integers, strength: float) -> Meta:
    """The meta-model of some rows, by their places. Imports scikit-learn, a second and more: not for an event
    loop."""
    columns, truth = panels.columns[rows], panels.truth[rows]
    made = _logistic if panels.labels else _ridge
    return made(panels, columns, truth, strength)


def _logistic(panels: Panels, columns: Floats, truth: Floats, strength: float) -> Meta:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second, and most never fit

    outputs = len(panels.labels)
    coefficients, fill = np.zeros((outputs, columns.shape[1])), columns.mean(axis=0)
    seen = np.unique(truth).astype(np.intp)
    if len(seen) == 1:
        intercepts = np.full(outputs, -NEVER)
        intercepts[seen] = 0.0
        return Meta(coefficients, intercepts, fill)
    fitted = LogisticRegression(C=strength, max_iter=ITERATIONS).fit(columns, truth)
    # Of two labels it has one row, which is that of the second.
    two = len(fitted.coef_) == 1
    rows = np.vstack([np.zeros_like(fitted.coef_), fitted.coef_]) if two else fitted.coef_
    given = np.concatenate([[0.0], fitted.intercept_]) if two else fitted.intercept_
    intercepts = np.full(outputs, float(given.min()) - NEVER)
    coefficients[seen], intercepts[seen] = rows, given
    return Meta(coefficients, intercepts, fill)


def _ridge(_panels: Panels, columns: Floats, truth: Floats, strength: float) -> Meta:
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - as above

    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    fitted = Ridge(alpha=strength).fit((columns - centre) / scale, truth)
    slope = fitted.coef_ / scale
    return Meta(slope[np.newaxis], np.array([fitted.intercept_ - slope @ centre]), centre)
