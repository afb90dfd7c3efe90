"""An analysis as the message that is stored and shown."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from turnout.drift.v1 import result_pb2
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1 import model_pb2

from services.drift.analysis import FeatureFinding, Finding, summarize, warn
from services.drift.asked import NOTHING_SPECIAL, Asked
from services.drift.baselines import Baseline
from services.drift.buckets import MAX_AHEAD, RESOLUTIONS, Cover
from services.drift.cells import Grid
from services.drift.comparison import Comparison
from services.drift.drawing import draw, spans
from services.drift.statistics.wasserstein import Wasserstein
from services.drift.verdict import Level
from services.drift.wire import timestamp

# Shares of a bar as protobuf writes them: each behind its tag, a field's number and that it has eight bytes.
_SHARES = struct.Struct("<BdBd")
_pack = _SHARES.pack
_BEFORE, _AFTER = (
    result_pb2.DriftBin.DESCRIPTOR.fields_by_name[name].number << 3 | 1
    for name in ("baseline_share", "current_share")
)
RESULT_FORMAT = 1
MAX_UNSEEN_NAMES = 10

STATUS = {
    Level.OK: result_pb2.DRIFT_STATUS_OK,
    Level.WARNING: result_pb2.DRIFT_STATUS_WARNING,
    Level.ALERT: result_pb2.DRIFT_STATUS_ALERT,
    Level.INSUFFICIENT_DATA: result_pb2.DRIFT_STATUS_INSUFFICIENT_DATA,
}


@dataclass(frozen=True, slots=True)
class Other:
    """Another model that was the reference, the rows that it had, and why columns were left out."""

    model: str
    rows: int
    left_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """A finding, and what it was found on.

    baseline: of the model, whose cells its rows are counted on. gaps: buckets of the window that lack lost
    events. looks: analyses of the model within a day, this one included. other: the reference, if that is no
    baseline.
    """

    id: str
    baseline: Baseline
    window: Cover
    finding: Finding
    time: float
    gaps: int = 0
    asked: Asked = NOTHING_SPECIAL
    looks: int = 1
    other: Other | None = None


def write_result(analysis: Analysis, into: result_pb2.DriftResult | None = None) -> result_pb2.DriftResult:
    """The analysis as a message, written into an empty one if it is given."""
    result = result_pb2.DriftResult() if into is None else into
    baseline, finding, other = analysis.baseline, analysis.finding, analysis.other
    left_out = other.left_out if other else ()
    segment = Segment(**baseline.segment._asdict()) if baseline.segment else None
    head = result_pb2.DriftResult(
        format=RESULT_FORMAT,
        name=f"{baseline.model}/results/{analysis.id}",
        model=baseline.model,
        baseline="" if other else baseline.name,
        start_time=timestamp(analysis.window.start),
        end_time=timestamp(analysis.window.end),
        create_time=timestamp(analysis.time),
        rows=finding.rows,
        status=STATUS[finding.status],
        overall_score=finding.overall_score,
        summary=summarize(finding),
        baseline_rows=other.rows if other else baseline.rows,
        warnings=[*_lacking(analysis), *left_out, *warn(finding)],
        incomplete=analysis.gaps > 0,
        segment=segment,
        reference=other.model if other else baseline.name,
        reference_model=other.model if other else "",
        settings=_write_settings(analysis.asked),
        looks=analysis.looks,
        caveat=_caveat(analysis),
    )
    result.MergeFrom(head)
    for one in finding.features:
        # In its place: to put a message that is made elsewhere there is to copy it.
        _write_feature(one, result.features)
    return result


def _lacking(analysis: Analysis) -> list[str]:
    """What the window says nothing of."""
    said, gaps = [], analysis.gaps
    oldest = analysis.time - RESOLUTIONS[-1].retention
    if analysis.window.start + RESOLUTIONS[-1].seconds <= oldest:
        gone = datetime.fromtimestamp(oldest, UTC).isoformat(timespec="minutes")
        said.append(f"Profiles are kept for 90 days: of the window's part before {gone} nothing is counted.")
    if analysis.window.end > analysis.time + MAX_AHEAD + RESOLUTIONS[0].seconds:
        ended = datetime.fromtimestamp(analysis.time, UTC).isoformat(timespec="minutes")
        said.append(f"The window ends in the future: what is counted ends with the analysis, at {ended}.")
    if gaps:
        lost = (
            f"Incomplete: logged predictions were lost in {gaps} of the window's time buckets, of any model."
        )
        said.append(lost)
    return said


def _caveat(analysis: Analysis) -> str:
    level, times = analysis.asked.rule.level, "once" if analysis.looks == 1 else f"{analysis.looks} times"
    return (
        "Each p-value is for a person who looks once, and false alarms add up over looks: the model was "
        f"analysed {times} within 24 hours. A schedule (UpdateAlertConfig) keeps the false alarms of all its "
        f"looks together below {level:g}."
    )


def _write_settings(asked: Asked) -> result_pb2.AnalysisSettings:
    fixed, divergence = asked.epsilon is not None, asked.kullback_leibler
    return result_pb2.AnalysisSettings(
        features=asked.features,
        correction=result_pb2.Correction.Name(asked.rule.correction.value),
        significance=asked.rule.level,
        psi_rule=result_pb2.PSI_RULE_EPSILON if fixed else result_pb2.PSI_RULE_HALF_COUNT,
        epsilon=asked.epsilon,
        statistics=[result_pb2.STATISTIC_KULLBACK_LEIBLER] if divergence else [],
    )


def _write_feature(one: FeatureFinding, among: Any) -> None:
    found, verdict, feature = one.comparison, one.verdict, one.feature
    number = isinstance(feature.frame, Grid)
    message = among.add(
        feature=feature.name,
        kind=model_pb2.FEATURE_KIND_NUMERIC if number else model_pb2.FEATURE_KIND_CATEGORICAL,
        status=STATUS[verdict.decision],
        psi_level=STATUS[verdict.psi_level],
        p_value=found.p_value,
        adjusted_p_value=verdict.adjusted_p,
        significant=verdict.significant,
        rows=found.current_present,
        out_of_range_share=found.outside_share,
        adjusted_missing_p_value=verdict.adjusted_missing_p,
        missingness_changed=verdict.missingness_changed,
        importance=feature.importance,
        unseen_categories=_unseen(one),
        role=feature.role.value,
        baseline_rows=found.reference_present,
        out_of_range_p_value=found.outside_p,
        adjusted_out_of_range_p_value=verdict.adjusted_outside_p,
        out_of_range_changed=verdict.range_changed,
    )
    _write_statistics(message, found)
    picture = draw(feature.frame, found.shares, feature.tally, one.tally)
    # The same bars each time, but for their shares: to write them anew would be half of the work.
    bars = _bars(*feature.frame.packed) if isinstance(feature.frame, Grid) else map(_bar, picture.names)
    shares = zip(picture.reference, picture.current, strict=True)
    drawn = [
        bar + _pack(_BEFORE, before, _AFTER, after) for bar, (before, after) in zip(bars, shares, strict=True)
    ]
    message.MergeFromString(b"".join(drawn))


@lru_cache(maxsize=4096)
def _bars(edges: bytes, bins: bytes) -> list[bytes]:
    """The bars of a grid."""
    return [_bar(*span) for span in spans(edges, bins)]


@lru_cache(maxsize=4096)
def _bar(label: str, lower: float | None = None, upper: float | None = None) -> bytes:
    """A bar as bytes of a FeatureDrift, up to its two shares, which stand last as their numbers are."""
    whole = result_pb2.DriftBin(label=label, lower=lower, upper=upper, baseline_share=1, current_share=1)
    return result_pb2.FeatureDrift(bins=[whole]).SerializeToString()[: -_SHARES.size]


def _write_statistics(message: result_pb2.FeatureDrift, found: Comparison) -> None:
    if found.psi:
        message.psi, message.psi_rule = found.psi.value, found.psi.rule
        message.psi_null_q95 = found.psi.null_q95
    if found.ks:
        message.ks, message.ks_upper = found.ks.lower, found.ks.upper
        message.ks_p_value = found.ks.p_value
    if found.chi_square:
        message.chi_square, message.degrees_of_freedom = found.chi_square.value, found.chi_square.freedom
        message.chi_square_p_value = found.chi_square.p_value
    if found.jensen_shannon:
        message.jensen_shannon = found.jensen_shannon.value
        message.jensen_shannon_distance = found.jensen_shannon.distance
    if found.hellinger and found.l_infinity:
        message.hellinger, message.l_infinity = found.hellinger.value, found.l_infinity.value
    if found.kullback_leibler:
        message.kullback_leibler = found.kullback_leibler.value
    if found.wasserstein:
        _write_wasserstein(message, found.wasserstein)
    if found.missingness:
        message.baseline_missing_share = found.missingness.reference_rate
        message.missing_share = found.missingness.current_rate
        message.missing_p_value = found.missingness.p_value


def _write_wasserstein(message: result_pb2.FeatureDrift, found: Wasserstein) -> None:
    message.wasserstein = found.value
    if found.margin is not None:
        message.wasserstein_margin = found.margin
    if found.in_deviations is not None:
        message.wasserstein_per_deviation = found.in_deviations
    if found.in_quartiles is not None:
        message.wasserstein_per_quartile_range = found.in_quartiles


def _unseen(one: FeatureFinding) -> list[str]:
    unseen = one.tally.unseen
    return sorted(unseen, key=lambda name: (-unseen[name], name))[:MAX_UNSEEN_NAMES]
