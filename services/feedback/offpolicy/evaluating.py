"""A proposal's value from observations and the probabilities that it would draw with."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from services.feedback.offpolicy import ESTIMATORS, missing
from services.feedback.offpolicy.columns import Columns
from services.feedback.offpolicy.intervals import Interval, interval
from services.feedback.offpolicy.observed import Draw
from services.feedback.offpolicy.regression import cross_fitted
from services.feedback.offpolicy.sample import CLIP, Floats, Integers, Sample
from services.feedback.offpolicy.support import LEAST_ESS, effective_size, effective_units, unsupported
from services.foundation.errors import FailedPrecondition

# Arms that lose their rewards at rates that differ beyond chance are compared on unlike requests.
MISSING_ALPHA = 0.001
# One weight that is a tenth of all decides by itself.
MOST_OF_ONE = 0.1
# Shares are sums of quotients; less than this is rounding.
NOTHING = 1e-12


class NoSupport(FailedPrecondition):
    """A log that says too little of a proposal."""

    reason = "NO_SUPPORT"


class Terms(NamedTuple):
    """How an evaluation is asked for; low and high are the range of the metric."""

    low: float = 0.0
    high: float = 1.0
    confidence: float = 0.95
    clip: float = CLIP


class Estimate(NamedTuple):
    """One estimate of the proposal's value, and of the difference to what was logged."""

    name: str
    value: float
    interval: Interval | None
    difference: float
    difference_interval: Interval | None


class ArmTold(NamedTuple):
    """An arm in the log and in the proposal."""

    variant: str
    observations: int
    mean: float | None
    logged_share: float
    proposed_share: float
    unrewarded: int


class Evaluation(NamedTuple):
    """What came of it. logged: the mean of what was logged, with its interval."""

    estimates: Sequence[Estimate]
    logged: float
    logged_interval: Interval
    observations: int
    units: int
    ess: float
    unit_ess: float
    max_weight: float
    arms: Sequence[ArmTold]
    warnings: Sequence[str]


class Table(NamedTuple):
    """Observations as arrays: logged and proposed probabilities are [n, arms]."""

    variants: Sequence[str]
    logged: Floats
    proposed: Floats
    arms: Integers
    rewards: Floats
    units: Integers
    features: Floats


def table_of(draws: Sequence[Draw], proposed: Sequence[Mapping[str, float]]) -> Table:
    """Observations side by side with what the proposal would do. Variants come in alphabetical order."""
    names = sorted({name for one in (*(draw.shares for draw in draws), *proposed) for name in one})
    places = {name: place for place, name in enumerate(names)}
    logged, asked = np.zeros((len(draws), len(names))), np.zeros((len(draws), len(names)))
    columns, units = Columns(), dict[str, int]()
    for at, (draw, shares) in enumerate(zip(draws, proposed, strict=True)):
        for matrix, given in ((logged, draw.shares), (asked, shares)):
            for name, share in given.items():
                matrix[at, places[name]] = share
        columns.add(draw.numbers, draw.words)
        units.setdefault(draw.unit, len(units))
    return Table(
        names,
        logged,
        asked,
        np.array([places[draw.variant] for draw in draws], np.intp),
        np.array([draw.reward for draw in draws], np.float64),
        np.array([units[draw.unit] for draw in draws], np.intp),
        columns.matrix(),
    )


def evaluate(table: Table, unrewarded: Counter[str], terms: Terms) -> Evaluation:
    """Every estimate. Raises NoSupport with the reason and its number."""
    if not len(table.rewards):
        raise NoSupport("nothing that was drawn has a reward", observations=0)
    _refuse_untried(table)
    sample = _sample(table, terms.clip)
    ess, units = effective_size(sample.weights), effective_units(sample.weights, sample.units)
    if min(ess, units) < LEAST_ESS:
        raise NoSupport(_too_little(sample, ess, units), observations=sample.size, effective=min(ess, units))
    mean = float(sample.rewards.mean())
    own = interval(mean, sample.rewards - mean, sample.units, terms.confidence)
    return Evaluation(
        [_estimate(name, sample, mean, terms) for name in ESTIMATORS],
        mean,
        _within(own, terms.low, terms.high),
        sample.size,
        int(table.units.max()) + 1,
        ess,
        units,
        float(sample.weights.max()),
        _arms(table, unrewarded),
        _warnings(table, sample, unrewarded),
    )


def _refuse_untried(table: Table) -> None:
    untried = unsupported(table.logged, table.proposed)
    if untried.sum() <= NOTHING:
        return
    said = ", ".join(
        f"{share:.4g} to {name}"
        for name, share in zip(table.variants, untried.tolist(), strict=True)
        if share > 0
    )
    why = "the proposal gives a share of its draws to variants that the log could not draw there"
    raise NoSupport(
        f"{why}: {said}; of what was never tried nothing is known", unsupported=float(untried.sum())
    )


def _sample(table: Table, clip: float) -> Sample:
    rows = np.arange(len(table.rewards))
    width = len(table.variants)
    expected = cross_fitted(table.features, table.arms, table.rewards, table.units, width)
    weights = table.proposed[rows, table.arms] / table.logged[rows, table.arms]
    fitted, whole = expected[rows, table.arms], (expected * table.proposed).sum(axis=1)
    return Sample(table.rewards, weights, table.units, fitted, whole, clip)


def _too_little(sample: Sample, ess: float, units: float) -> str:
    of = f"{sample.size} observations of {int(sample.units.max()) + 1} units"
    weight = f"the greatest weight is {sample.weights.max():.4g}"
    least = f"at least {LEAST_ESS:g} are needed"
    return f"the effective sample size is {min(ess, units):.1f}, {least}; there are {of}, and {weight}"


def _estimate(name: str, sample: Sample, mean: float, terms: Terms) -> Estimate:
    found = ESTIMATORS[name](sample)
    if found.pull is None:
        return Estimate(name, found.value, None, found.value - mean, None)
    width = terms.high - terms.low
    own = interval(found.value, found.pull, sample.units, terms.confidence)
    pull = found.pull - (sample.rewards - mean)
    apart = interval(found.value - mean, pull, sample.units, terms.confidence)
    return Estimate(
        name,
        found.value,
        _within(own, terms.low, terms.high),
        found.value - mean,
        _within(apart, -width, width),
    )


def _within(found: Interval, low: float, high: float) -> Interval:
    """What no mean can be says nothing."""
    return Interval(min(max(found.low, low), high), max(min(found.high, high), low))


def _arms(table: Table, unrewarded: Counter[str]) -> list[ArmTold]:
    told = []
    for place, name in enumerate(table.variants):
        own = table.rewards[table.arms == place]
        told.append(
            ArmTold(
                name,
                len(own),
                float(own.mean()) if len(own) else None,
                float(table.logged[:, place].mean()),
                float(table.proposed[:, place].mean()),
                unrewarded[name],
            )
        )
    return told


def _warnings(table: Table, sample: Sample, unrewarded: Counter[str]) -> list[str]:
    said = []
    told = np.bincount(table.arms, minlength=len(table.variants))
    lost = np.array([unrewarded[name] for name in table.variants])
    seen = told + lost > 0
    if lost.any() and seen.sum() > 1 and missing.p_value(told[seen], lost[seen]) < MISSING_ALPHA:
        shares = ", ".join(
            f"{name} {lost[at] / (told[at] + lost[at]):.1%}"
            for at, name in enumerate(table.variants)
            if seen[at]
        )
        said.append(
            f"rewards are missing more often of some variants than of others ({shares}): the estimate is of "
            "the requests that are rewarded, which may be unlike the others"
        )
    heaviest = float(sample.weights.max() / sample.weights.sum())
    if heaviest > MOST_OF_ONE:
        said.append(f"one observation has {heaviest:.1%} of all weight")
    return said
