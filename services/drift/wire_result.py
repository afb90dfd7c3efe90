"""An analysis as the message that is stored and shown."""

from dataclasses import dataclass

from turnout.drift.v1 import result_pb2
from turnout.router.v1 import model_pb2

from services.drift.analysis import FeatureFinding, Finding, summarize, warn
from services.drift.baselines import Baseline
from services.drift.buckets import Cover
from services.drift.cells import Grid
from services.drift.comparison import Comparison
from services.drift.statistics.wasserstein import Wasserstein
from services.drift.verdict import Level
from services.drift.wire import timestamp

RESULT_FORMAT = 1
MAX_UNSEEN_NAMES = 10

STATUS = {
    Level.OK: result_pb2.DRIFT_STATUS_OK,
    Level.WARNING: result_pb2.DRIFT_STATUS_WARNING,
    Level.ALERT: result_pb2.DRIFT_STATUS_ALERT,
    Level.INSUFFICIENT_DATA: result_pb2.DRIFT_STATUS_INSUFFICIENT_DATA,
}


@dataclass(frozen=True, slots=True)
class Analysis:
    """A finding, and what it was found on; `gaps` counts buckets of the window that lack lost events."""

    id: str
    baseline: Baseline
    window: Cover
    finding: Finding
    time: float
    gaps: int = 0


def write_result(analysis: Analysis) -> result_pb2.DriftResult:
    """The analysis as a message."""
    baseline, finding = analysis.baseline, analysis.finding
    return result_pb2.DriftResult(
        format=RESULT_FORMAT,
        name=f"{baseline.model}/results/{analysis.id}",
        model=baseline.model,
        baseline=baseline.name,
        start_time=timestamp(analysis.window.start),
        end_time=timestamp(analysis.window.end),
        create_time=timestamp(analysis.time),
        rows=finding.rows,
        status=STATUS[finding.status],
        overall_score=finding.overall_score,
        features=[_write_feature(one) for one in finding.features],
        summary=summarize(finding),
        baseline_rows=baseline.rows,
        warnings=[*_lacking(analysis.gaps), *warn(finding)],
        incomplete=analysis.gaps > 0,
    )


def _lacking(gaps: int) -> list[str]:
    if not gaps:
        return []
    return [f"Incomplete: logged predictions were lost in {gaps} of the window's time buckets, of any model."]


def _write_feature(one: FeatureFinding) -> result_pb2.FeatureDrift:
    found, verdict = one.comparison, one.verdict
    kind = model_pb2.FEATURE_KIND_NUMERIC
    if not isinstance(one.feature.frame, Grid):
        kind = model_pb2.FEATURE_KIND_CATEGORICAL
    message = result_pb2.FeatureDrift(
        feature=one.feature.name,
        kind=kind,
        status=STATUS[verdict.decision],
        psi_level=STATUS[verdict.psi_level],
        p_value=found.p_value,
        adjusted_p_value=verdict.adjusted_p,
        significant=verdict.significant,
        rows=found.current_rows - one.feature.frame.absent(one.tally),
        out_of_range_share=found.outside / found.current_rows if found.current_rows else 0.0,
        adjusted_missing_p_value=verdict.adjusted_missing_p,
        missingness_changed=verdict.missingness_changed,
        importance=one.feature.importance,
        unseen_categories=_unseen(one),
    )
    _write_statistics(message, found)
    return message


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
    if found.wasserstein:
        _write_wasserstein(message, found.wasserstein)
    if found.missingness:
        message.baseline_missing_share = found.missingness.reference_rate
        message.missing_share = found.missingness.current_rate
        message.missing_p_value = found.missingness.p_value


def _write_wasserstein(message: result_pb2.FeatureDrift, found: Wasserstein) -> None:
    message.wasserstein, message.wasserstein_margin = found.value, found.margin
    if found.in_deviations is not None:
        message.wasserstein_per_deviation = found.in_deviations
    if found.in_quartiles is not None:
        message.wasserstein_per_quartile_range = found.in_quartiles


def _unseen(one: FeatureFinding) -> list[str]:
    unseen = one.tally.unseen
    return sorted(unseen, key=lambda name: (-unseen[name], name))[:MAX_UNSEEN_NAMES]
