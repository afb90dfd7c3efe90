"""A meta-model with its held-out gain: every row is scored by a fit that has not seen its unit, whose
strength of regularisation was chosen without it too."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from services.feedback.offpolicy.intervals import interval
from services.feedback.stackers.meta import STRENGTHS, Meta, fit, kind_of
from services.feedback.stackers.panels import Floats, Integers, Panels
from services.foundation.errors import FailedPrecondition

CONFIDENCE = 0.95
# Below, an interval of a gain is about as wide as any gain is.
LEAST_UNITS = 100


class TooFewPanels(FailedPrecondition):
    """Too few labelled panels, or all of one label."""

    reason = "TOO_FEW_PANELS"


class Gain(NamedTuple):
    """Mean gain, more is better, and its interval."""

    gain: float
    low: float
    high: float


class Fitted(NamedTuple):
    """score, average, members: held-out accuracy, or absolute error, of the meta-model, of plain averaging,
    and of each member by itself."""

    meta: Meta
    kind: str
    strength: float
    score: float
    average: float
    members: Mapping[str, float]
    best: str
    over_best: Gain
    over_average: Gain

    @property
    def helps(self) -> bool:
        """Whether both gains are known to be above 0."""
        return bool(self.over_best.low > 0 and self.over_average.low > 0)


def learn(panels: Panels, folds: int) -> Fitted:
    """Fit and cross-validate; a second or more of CPU. Raises TooFewPanels."""
    _refuse(panels, folds)
    everything = np.arange(len(panels.truth))
    parts = dealt(panels, everything, folds)
    stacked = np.empty(len(panels.truth))
    for part in range(folds):
        rest, apart = everything[parts != part], everything[parts == part]
        meta = fit(panels, rest, _strength(panels, rest))
        stacked[apart] = _merits(panels, meta.scores(panels.columns[apart]), apart)
    strength = _strength(panels, everything)
    alone = {name: _merits_of(panels, panels.said[:, at]) for at, name in enumerate(panels.members)}
    averaged = _merits(panels, _average(panels), everything)
    best = max(alone, key=lambda name: float(alone[name].mean()))
    sign = 1.0 if panels.labels else -1.0
    return Fitted(
        fit(panels, everything, strength),
        kind_of(panels),
        strength,
        sign * float(stacked.mean()),
        sign * float(averaged.mean()),
        {name: sign * float(merits.mean()) for name, merits in alone.items()},
        best,
        _gain(stacked - alone[best], panels.units),
        _gain(stacked - averaged, panels.units),
    )


def dealt(panels: Panels, rows: Integers, folds: int) -> Integers:
    """The fold of each row, whole units together, with about as many of each label in every fold. Numbers are
    dealt in their order, so that each fold has all of their range."""
    units, first = np.unique(panels.units[rows], return_index=True)
    order = np.lexsort((_scattered(units), panels.truth[rows][first]))
    fold_of = np.empty(len(units), np.intp)
    fold_of[order] = np.arange(len(units)) % folds
    return np.asarray(fold_of[np.searchsorted(units, panels.units[rows])])


def _scattered(units: Integers) -> Integers:
    # Units are numbered in the order of time; neighbours in it must not share a fold by rule.
    return np.random.default_rng(len(units)).permutation(len(units))


def _refuse(panels: Panels, folds: int) -> None:
    units = len(np.unique(panels.units))
    if units < LEAST_UNITS:
        said = f"{units} units with labelled full panels; at least {LEAST_UNITS} are needed"
        raise TooFewPanels(said, rows=len(panels.truth), units=units)
    if panels.labels:
        kinds = np.bincount(panels.truth.astype(np.intp), minlength=len(panels.labels))
        if (kinds >= folds).sum() < 2:
            told = ", ".join(f"{label} {many}" for label, many in zip(panels.labels, kinds, strict=True))
            raise TooFewPanels(f"two labels with {folds} rows each are needed; there are {told}")


def _strength(panels: Panels, rows: Integers) -> float:
    """What serves a quarter of the rows best that a fit on the others has not seen."""
    parts = dealt(panels, rows, 4)
    seen, apart = rows[parts > 0], rows[parts == 0]
    losses = {
        strength: _loss(panels, fit(panels, seen, strength).scores(panels.columns[apart]), apart)
        for strength in STRENGTHS[kind_of(panels)]
    }
    return min(losses, key=losses.__getitem__)


def _loss(panels: Panels, scores: Floats, rows: Integers) -> float:
    """Mean log-loss of labels, mean squared error of numbers: what the fits minimise."""
    if not panels.labels:
        return float(np.mean((scores[:, 0] - panels.truth[rows]) ** 2))
    top = scores.max(axis=1)
    whole = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
    return float(np.mean(whole - scores[np.arange(len(rows)), panels.truth[rows].astype(np.intp)]))


def _average(panels: Panels) -> Floats:
    """[rows, outputs]: mean over the members of their probabilities, or numbers."""
    width = max(len(panels.labels), 1)
    return np.asarray(panels.columns.reshape(len(panels.truth), -1, width).mean(axis=1))


def _merits(panels: Panels, scores: Floats, rows: Integers) -> Floats:
    answers = scores.argmax(axis=1).astype(np.float64) if panels.labels else scores[:, 0]
    return _merits_of(panels, answers, rows)


def _merits_of(panels: Panels, answers: Floats, rows: Integers | None = None) -> Floats:
    """More is better: 1 for the right label, or less the absolute error."""
    truth = panels.truth if rows is None else panels.truth[rows]
    return (answers == truth).astype(np.float64) if panels.labels else -np.abs(answers - truth)


def _gain(gains: Floats, units: Integers) -> Gain:
    mean = float(gains.mean())
    return Gain(mean, *interval(mean, gains - mean, units, CONFIDENCE))


def share_of(meta: Meta, members: Sequence[str]) -> dict[str, float]:
    """How much the meta-model listens to each member: its part of the absolute coefficients."""
    heard = np.abs(meta.coefficients).sum(axis=0).reshape(len(members), -1).sum(axis=1)
    whole = heard.sum() or 1.0
    return dict(zip(members, (heard / whole).tolist(), strict=True))
