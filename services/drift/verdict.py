"""From measurements to a verdict: a band for the size of a shift, and a decision that also needs evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.drift.asked import BY_DEFAULT, CORRECTIONS, Rule

# The bands that the industry reads PSI by.
WARNING_PSI, ALERT_PSI = 0.1, 0.2
# Of a change of the share of rows that miss a feature, and of the share of values out of range: those that
# alerts begin with as well. PSI does not see how far its outermost bins reach.
WARNING_SHARE, ALERT_SHARE = 0.05, 0.2
# Below it PSI's bins hold fewer than three rows each, and no answer is an honest one.
LEAST_ROWS = 30
# Of fewer values than that so many out of range are a third of them, which is a PSI far beyond 0.2; and some
# wild ones are no shift.
LEAST_OUTSIDE = 10


class Level(StrEnum):
    """Bands of size, worst last; INSUFFICIENT_DATA stands apart from them and is never `ok`."""

    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    OK = "OK"
    WARNING = "WARNING"
    ALERT = "ALERT"


class Ground(StrEnum):
    """What a decision rests on."""

    SHIFT = "SHIFT"
    MISSING = "MISSING"
    RANGE = "RANGE"


class Evidence(NamedTuple):
    """What was measured on one feature.

    psi: None where a sample is empty. p_value: of the feature's own shift; None where there is no test.
    missing_p: of a change in the rate of missing values. outside_p: of so many values out of range.
    present, rows: values in the smaller sample, without and with the missing ones.
    missing: the share that the window misses less the one that the baseline did.
    vanished: the window misses more than the baseline did, and has too few values to compare.
    outside: values out of range; elsewhere: their share of the window's values.
    rare: only the window's values are too few to compare, its rows are enough.
    answer: it is what the model says, and not what it is asked.
    """

    name: str
    psi: float | None
    p_value: float | None
    missing_p: float | None
    present: int
    rows: int
    importance: float = 1.0
    missing: float = 0.0
    vanished: bool = False
    outside_p: float | None = None
    outside: int = 0
    elsewhere: float = 0.0
    rare: bool = False
    answer: bool = False


class FeatureVerdict(NamedTuple):
    """The band of the size alone, and the decision: the graver one of that band and of the band of missing
    values or of values out of range, each if it is also significant; ALERT if the feature has significantly
    vanished, or if it is rare and the test of the range, which is exact for any few values, says that they
    are elsewhere."""

    name: str
    psi_level: Level
    adjusted_p: float | None
    significant: bool
    adjusted_missing_p: float | None
    missingness_changed: bool
    adjusted_outside_p: float | None
    range_changed: bool
    decision: Level
    ground: Ground


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of all features: `features` is in the order given; `overall_score` is None where none has enough rows.
    open: columns of which too little is known for all to be ok."""

    features: tuple[FeatureVerdict, ...]
    overall_score: float | None
    status: Level
    open: tuple[str, ...] = ()


def psi_level(psi: float) -> Level:
    """The band of a PSI: ok < 0.1 <= warning < 0.2 <= alert."""
    if psi < WARNING_PSI:
        return Level.OK
    return Level.WARNING if psi < ALERT_PSI else Level.ALERT


def missing_level(item: Evidence) -> Level:
    """The band of a change of missing values, whichever way: ok < 0.05 <= warning < 0.2 <= alert."""
    # What is gone altogether is an alert however rare it was: nothing is left to shift.
    return Level.ALERT if item.vanished else _share_level(abs(item.missing))


def outside_level(item: Evidence) -> Level:
    """The band of values out of range: that of their share; of a rare feature any that are enough."""
    if item.outside < LEAST_OUTSIDE:
        return Level.OK
    return _share_level(item.elsewhere) if item.present >= LEAST_ROWS else Level.ALERT


def _share_level(share: float) -> Level:
    if share >= ALERT_SHARE:
        return Level.ALERT
    return Level.OK if share < WARNING_SHARE else Level.WARNING


def judge(evidence: Sequence[Evidence], rule: Rule = BY_DEFAULT, unheard: Sequence[str] = ()) -> Verdict:
    """Decide each feature by the rule's correction over the shifts, over the missing rates and over what is
    out of range: three families, each at the rule's level. unheard: answers that could not be compared."""
    enough = [item.present >= LEAST_ROWS for item in evidence]
    families = (
        [item.p_value if some else None for item, some in zip(evidence, enough, strict=True)],
        [item.missing_p if item.rows >= LEAST_ROWS else None for item in evidence],
        [item.outside_p if some or item.rare else None for item, some in zip(evidence, enough, strict=True)],
    )
    shifts, missing, outside = (_adjusted(family, rule) for family in families)
    each = zip(evidence, shifts, missing, outside, strict=True)
    features = tuple(_judge_one(item, shift, gone, far, rule.level) for item, shift, gone, far in each)
    # A model that is not heard is not ok, whatever it is asked: silence is never success.
    silent = [item.name for item, one in zip(evidence, features, strict=True) if item.answer and _open(one)]
    undecided = (*silent, *unheard)
    return Verdict(features, _overall_score(evidence), _status(features, undecided), undecided)


def _judge_one(
    item: Evidence, shift: float | None, missing: float | None, outside: float | None, level: float
) -> FeatureVerdict:
    enough = item.psi is not None and item.present >= LEAST_ROWS
    band = psi_level(item.psi) if item.psi is not None and enough else Level.INSUFFICIENT_DATA
    significant = enough and shift is not None and shift <= level
    changed = missing is not None and missing <= level
    beyond = outside is not None and outside <= level and (enough or item.outside >= LEAST_OUTSIDE)
    decision, ground = band if significant or not enough else Level.OK, Ground.SHIFT
    gone = missing_level(item) if changed else Level.OK
    far = outside_level(item) if beyond else Level.OK
    for other, why in ((gone, Ground.MISSING), (far, Ground.RANGE)):
        if other is not Level.OK and _worse(other, decision):
            decision, ground = other, why
    return FeatureVerdict(
        item.name, band, shift, significant, missing, changed, outside, beyond, decision, ground
    )


def _open(feature: FeatureVerdict) -> bool:
    return feature.decision is Level.INSUFFICIENT_DATA


def _worse(one: Level, other: Level) -> bool:
    levels = list(Level)
    return levels.index(one) > levels.index(other)


def _adjusted(p_values: Sequence[float | None], rule: Rule) -> list[float | None]:
    """Adjusts the p-values that exist; the others stay None and do not count as looks."""
    known = iter(CORRECTIONS[rule.correction]([p for p in p_values if p is not None]))
    return [None if p is None else next(known) for p in p_values]


def _overall_score(evidence: Sequence[Evidence]) -> float | None:
    # Of fewer rows PSI is mostly chance: that of one feature would outweigh all others.
    scored = [
        (item.importance, item.psi)
        for item in evidence
        if item.psi is not None and item.present >= LEAST_ROWS
    ]
    weight = sum(importance for importance, _ in scored)
    return sum(importance * psi for importance, psi in scored) / weight if weight else None


def _status(features: Sequence[FeatureVerdict], undecided: Sequence[str]) -> Level:
    """The worst decision. Nothing decidable is INSUFFICIENT_DATA, and so is ok where more has to be known."""
    decided = [feature.decision for feature in features if not _open(feature)]
    worst = max(decided, key=list(Level).index, default=Level.INSUFFICIENT_DATA)
    return Level.INSUFFICIENT_DATA if undecided and worst is Level.OK else worst
