"""A window against its reference: every feature compared, judged together, and ranked by how far it moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from services.drift.aligning import Aligned, Counted
from services.drift.asked import NOTHING_SPECIAL, Asked
from services.drift.baselines import Baseline, Feature, Role
from services.drift.cells import Tally
from services.drift.cells.blob import Profile
from services.drift.comparison import Comparison, Method, compare_all
from services.drift.crowding import COARSE, WAY_OUT, crowded
from services.drift.reference import Reference
from services.drift.verdict import LEAST_ROWS, Evidence, FeatureVerdict, Ground, Level, judge

# The ends of a sample are passed by a few values of the next one; more than a hundredth is news.
MANY_OUTSIDE = 0.01
_GRAVITY = {level: place for place, level in enumerate(Level)}
# Names in a sentence.
MOST_NAMED = 3


class FeatureFinding(NamedTuple):
    """One feature: what was measured, what it means, and the window's counts."""

    feature: Feature
    comparison: Comparison
    verdict: FeatureVerdict
    tally: Tally


@dataclass(frozen=True, slots=True)
class Finding:
    """All features, most shifted first; `overall_score` is None where none has enough rows. open: columns of
    which too little is known for all to be ok. apart: columns that could not be compared."""

    features: tuple[FeatureFinding, ...]
    overall_score: float | None
    status: Level
    rows: int
    open: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


def analyse(
    baseline: Baseline,
    window: Profile,
    asked: Asked = NOTHING_SPECIAL,
    reference: Reference | None = None,
) -> Finding:
    """Compare a window's counts with the baseline's, for the features asked for or for all. reference: the
    baseline's, if it is known."""
    chosen = list(zip(baseline.features, window.tallies(baseline.sizes), strict=True))
    if asked.features:
        chosen = [one for one in chosen if one[0].name in asked.features]
        reference = None
    method = Method(asked.epsilon, asked.kullback_leibler)
    compared = _compared(chosen, method, reference)
    return _found(compared, window.rows, asked)


def compare_models(aligned: Aligned, rows: int, asked: Asked) -> Finding:
    """Compare a model's window, of so many rows, with another one's, in the columns that both have. Answers
    that are left out are not known to be the same."""
    # The cells' range is that of neither window.
    method = Method(asked.epsilon, asked.kullback_leibler, own_range=False)
    return _found(_compared(aligned.features, method, None), rows, asked, aligned.apart)


def _compared(
    chosen: Sequence[Counted], method: Method, reference: Reference | None
) -> list[tuple[Feature, Comparison, Tally]]:
    """The window's counts of each feature against the feature's own. reference: the features', if it is
    known."""
    reference = reference or Reference.of([feature for feature, _ in chosen])
    compared = compare_all(reference, [tally for _, tally in chosen], method)
    return [(feature, found, tally) for (feature, tally), found in zip(chosen, compared, strict=True)]


def _found(
    compared: Sequence[tuple[Feature, Comparison, Tally]],
    rows: int,
    asked: Asked,
    apart: Sequence[Feature] = (),
) -> Finding:
    """What is measured, judged and ranked. apart: columns that could not be compared."""
    unheard = [feature.name for feature in apart if feature.role is not Role.FEATURE]
    verdict = judge([_evidence(feature, found) for feature, found, _ in compared], asked.rule, unheard)
    findings = [
        FeatureFinding(feature, comparison, judged, tally)
        for (feature, comparison, tally), judged in zip(compared, verdict.features, strict=True)
    ]
    return Finding(
        tuple(sorted(findings, key=_rank)),
        verdict.overall_score,
        verdict.status,
        rows,
        verdict.open,
        tuple(feature.name for feature in apart),
    )


def summarize(finding: Finding) -> str:
    """The verdict in a sentence."""
    drifting = [one for one in finding.features if one.verdict.decision in (Level.WARNING, Level.ALERT)]
    if drifting:
        worst = f"{drifting[0].feature.name}{_size(drifting[0])}"
        others = f", and {len(drifting) - 1} more" if len(drifting) > 1 else ""
        they = f"{_named(len(finding.features))} drift{'' if len(finding.features) > 1 else 's'}"
        said = f"{len(drifting)} of {they}: {worst}{others}"
        return f"{said}{_apart(finding)}."
    unknown = [one for one in finding.features if one.verdict.decision is Level.INSUFFICIENT_DATA]
    known = len(finding.features) - len(unknown)
    if finding.status is Level.OK:
        of = f"{known} of {_named(len(finding.features))}" if unknown else _named(known)
        return f"No drift among {of} in {finding.rows} rows{_few(unknown)}{_apart(finding)}."
    if known:
        few = [one for one in unknown if one.feature.name in finding.open]
        said = "Too few answers to say" if few else "Not all is known"
        return f"{said} in {finding.rows} rows{_few(few)}{_apart(finding)}; the other columns do not drift."
    return _nothing(finding)


def _named(count: int) -> str:
    return "1 feature" if count == 1 else f"{count} features"


def _size(one: FeatureFinding) -> str:
    """How far a feature moved, by what the decision rests on."""
    found, ground = one.comparison, one.verdict.ground
    if ground is Ground.MISSING and found.missingness:
        before, after = found.missingness.reference_rate, found.missingness.current_rate
        fallen = f", {before:.1%} in the baseline" if after < before else ""
        return f" (missing in {after:.1%} of rows{fallen})"
    if ground is Ground.RANGE:
        return f" ({found.outside} of {found.current_present} values out of range)"
    return f" (PSI {found.psi.value:.3f})" if found.psi else ""


def _nothing(finding: Finding) -> str:
    """Of which side there is too little."""
    before = max((one.comparison.reference_rows for one in finding.features), default=0)
    needed = f"and at least {LEAST_ROWS} are needed per feature"
    if finding.rows < LEAST_ROWS:
        return f"Too few rows to say: {finding.rows} in the window, {needed}."
    if before < LEAST_ROWS:
        return f"Too few rows to say: {before} to compare with, {needed}."
    return f"Too few values to say in {finding.rows} rows{_few(finding.features)}{_apart(finding)}."


def _few(unknown: Sequence[FeatureFinding]) -> str:
    before = all(one.comparison.reference_present < LEAST_ROWS for one in unknown)
    where = " to compare with" if before else ""
    names = _some([one.feature.name for one in unknown])
    return f"; fewer than {LEAST_ROWS} values of {names}{where}" if unknown else ""


def _apart(finding: Finding) -> str:
    return f"; {_some(finding.apart)} not compared" if finding.apart else ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def warn(finding: Finding) -> list[str]:
    """What a reader should know beside the verdict, a sentence each."""
    said = []
    for one in finding.features:
        found = one.comparison
        if (hidden := finding.rows - found.current_rows) > 0:
            why = (
                "a router redacts it"
                if one.feature.role is Role.FEATURE
                else "there was no answer, or a router redacts it"
            )
            said.append(f"{one.feature.name}: not logged in {hidden} of {finding.rows} rows, as {why}.")
        if one.verdict.missingness_changed and found.missingness:
            before, after = found.missingness.reference_rate, found.missingness.current_rate
            said.append(f"{one.feature.name}: missing in {after:.1%} of rows, {before:.1%} in the baseline.")
        if one.verdict.range_changed or found.outside > MANY_OUTSIDE * found.current_present:
            said.append(f"{one.feature.name}: {found.outside} values the baseline never saw.")
    full = [
        one for one in finding.features if one.comparison.fullest > COARSE * one.comparison.current_present
    ]
    dense = [told for one in full if (told := crowded(one.feature, one.tally))]
    return [*said, *dense, WAY_OUT] if dense else said


def _evidence(feature: Feature, found: Comparison) -> Evidence:
    return Evidence(
        name=feature.name,
        psi=found.psi.value if found.psi else None,
        p_value=found.p_value,
        missing_p=found.missingness.p_value if found.missingness else None,
        present=found.present,
        rows=min(found.reference_rows, found.current_rows),
        importance=feature.importance,
        missing=found.missingness.value if found.missingness else 0.0,
        vanished=_vanished(found),
        outside_p=found.outside_p,
        outside=found.outside,
        elsewhere=found.outside_share,
        rare=found.current_present < LEAST_ROWS <= min(found.reference_present, found.current_rows),
        answer=feature.role is not Role.FEATURE,
    )


def _vanished(found: Comparison) -> bool:
    return (
        found.current_present < LEAST_ROWS and found.missingness is not None and found.missingness.value > 0
    )


def _rank(one: FeatureFinding) -> tuple[int, float, str]:
    # By decision first: a large PSI of a few rows must not stand above a shift that is certain.
    # What has vanished has moved furthest of all; shares of missing rows and of values out of range have the
    # PSI's band for an alert.
    found, size = one.comparison, 0.0
    if one.verdict.ground is Ground.MISSING and found.missingness:
        size = inf if _vanished(found) else abs(found.missingness.value)
    elif one.verdict.ground is Ground.RANGE:
        size = found.outside_share
    psi = found.psi.value if found.psi else 0.0
    return -_GRAVITY[one.verdict.decision], -max(size, psi), one.feature.name
