"""A window against its reference: every feature compared, judged together, and ranked by how far it moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from services.drift.asked import NOTHING_SPECIAL, Asked
from services.drift.baselines import Baseline, Feature, Role
from services.drift.cells import Tally
from services.drift.cells.blob import Profile
from services.drift.comparison import Comparison, Method, compare_all
from services.drift.crowding import COARSE, WAY_OUT, crowded
from services.drift.reference import Reference
from services.drift.verdict import LEAST_ROWS, Evidence, FeatureVerdict, Level, judge

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
    """All features, most shifted first; `overall_score` is None where no feature has data."""

    features: tuple[FeatureFinding, ...]
    overall_score: float | None
    status: Level
    rows: int


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
    return compare_features(chosen, window.rows, asked, reference)


def compare_features(
    chosen: Sequence[tuple[Feature, Tally]],
    rows: int,
    asked: Asked,
    reference: Reference | None = None,
    *,
    own_range: bool = True,
) -> Finding:
    """Compare the window's counts of each feature with the feature's own.

    rows: of the window. reference: the features', if it is known. own_range: whether the cells' range is that
    of the feature's counts.
    """
    method = Method(asked.epsilon, asked.kullback_leibler, own_range)
    reference = reference or Reference.of([feature for feature, _ in chosen])
    compared = compare_all(reference, [tally for _, tally in chosen], method)
    evidence = [_evidence(feature, found) for (feature, _), found in zip(chosen, compared, strict=True)]
    verdict = judge(evidence, asked.rule)
    findings = [
        FeatureFinding(feature, comparison, judged, tally)
        for (feature, tally), comparison, judged in zip(chosen, compared, verdict.features, strict=True)
    ]
    return Finding(tuple(sorted(findings, key=_rank)), verdict.overall_score, verdict.status, rows)


def summarize(finding: Finding) -> str:
    """The verdict in a sentence."""
    drifting = [one for one in finding.features if one.verdict.decision in (Level.WARNING, Level.ALERT)]
    if drifting:
        worst = drifting[0]
        psi, missing = worst.comparison.psi, worst.comparison.missingness
        others = f", and {len(drifting) - 1} more" if len(drifting) > 1 else ""
        size = f" (PSI {psi.value:.3f})" if psi else ""
        if missing and worst.verdict.by_missing:
            before = f", {missing.reference_rate:.1%} in the baseline" if missing.value < 0 else ""
            size = f" (missing in {missing.current_rate:.1%} of rows{before})"
        return (
            f"{len(drifting)} of {len(finding.features)} features drift: {worst.feature.name}{size}{others}."
        )
    unknown = [one.feature for one in finding.features if one.verdict.decision is Level.INSUFFICIENT_DATA]
    known = len(finding.features) - len(unknown)
    if finding.status is Level.OK:
        of = f"{known} of {len(finding.features)}" if unknown else f"{known}"
        return f"No drift among {of} features in {finding.rows} rows{_of(unknown)}."
    if known:
        answers = [one for one in unknown if one.role is not Role.FEATURE]
        return f"Too few answers to say in {finding.rows} rows{_of(answers)}; the other columns do not drift."
    return f"Too few rows to say: {finding.rows} in the window, and at least 30 are needed per feature."


def _of(unknown: Sequence[Feature]) -> str:
    names = [one.name for one in unknown]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"; fewer than {LEAST_ROWS} values of {', '.join(names[:MOST_NAMED])}{more}" if names else ""


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
        if one.verdict.range_changed or found.outside > MANY_OUTSIDE * found.current_rows:
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
        answer=feature.role is not Role.FEATURE,
    )


def _vanished(found: Comparison) -> bool:
    return (
        found.current_present < LEAST_ROWS and found.missingness is not None and found.missingness.value > 0
    )


def _rank(one: FeatureFinding) -> tuple[int, float, str]:
    # By decision first: a large PSI of a few rows must not stand above a shift that is certain.
    # What has vanished has moved furthest of all; shares of missing rows have the PSI's band for an alert.
    found, size = one.comparison, 0.0
    if one.verdict.by_missing and found.missingness:
        size = inf if _vanished(found) else abs(found.missingness.value)
    psi = found.psi.value if found.psi else 0.0
    return -_GRAVITY[one.verdict.decision], -max(size, psi), one.feature.name
