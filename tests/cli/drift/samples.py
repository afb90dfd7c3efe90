"""Results as the drift service writes them, with numbers that belong together."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import numpy as np
from turnout.drift.v1 import performance_pb2 as quality
from turnout.drift.v1 import result_pb2 as drift
from turnout.drift.v1.feature_role_pb2 import FEATURE_ROLE_PREDICTION, FEATURE_ROLE_SCORE
from turnout.drift.v1.performance_pb2 import GetPerformanceHistoryResponse
from turnout.drift.v1.result_pb2 import DriftBin, DriftResult, FeatureDrift
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC

END = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MODEL = "models/churn-xgb-v2"
ROWS = 20_000


def shares(shift: float, bins: int = 10) -> list[float]:
    """Shares of deciles of a normal distribution that moved by `shift` deviations."""
    edges = [-math.inf, *(_quantile(step / bins) for step in range(1, bins)), math.inf]
    return [_below(right - shift) - _below(left - shift) for left, right in pairwise(edges)]


def _below(value: float) -> float:
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))


@cache
def _quantile(share: float) -> float:
    low, high = -8.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle) < share else (low, middle)
    return low


def number(name: str, shift: float, place: float = 40.0, scale: float = 10.0) -> FeatureDrift:
    """A number that moved by `shift` deviations."""
    edges = [place + scale * _quantile(step / 10) for step in range(1, 10)]
    bins = []
    for index, (before, after) in enumerate(zip(shares(0), shares(shift), strict=True)):
        part = DriftBin(baseline_share=before, current_share=after)
        if index > 0:
            part.lower = edges[index - 1]
        if index < 9:
            part.upper = edges[index]
        low, high = (
            (f"{part.lower:.3g}" if index > 0 else "-inf"),
            (f"{part.upper:.3g}" if index < 9 else "inf"),
        )
        part.label = f"({low}, {high}]"
        bins.append(part)
    one = FeatureDrift(feature=name, kind=FEATURE_KIND_NUMERIC, bins=bins, rows=ROWS, baseline_rows=ROWS)
    _measure(one)
    one.ks, one.ks_upper, one.ks_p_value = (
        0.38 * abs(shift),
        0.38 * abs(shift) + 0.004,
        math.exp(-200 * shift**2),
    )
    one.wasserstein, one.wasserstein_margin = abs(shift) * scale, 0.02 * scale
    one.wasserstein_per_deviation, one.wasserstein_per_quartile_range = abs(shift), abs(shift) / 1.35
    one.out_of_range_p_value = one.adjusted_out_of_range_p_value = 0.4
    return one


def category(name: str, before: dict[str, float], after: dict[str, float]) -> FeatureDrift:
    """A category with these shares; what only the window has is unseen."""
    names = [*before, *(one for one in after if one not in before)]
    bins = [
        DriftBin(label=one, baseline_share=before.get(one, 0.0), current_share=after.get(one, 0.0))
        for one in names
    ]
    one = FeatureDrift(feature=name, kind=FEATURE_KIND_CATEGORICAL, bins=bins, rows=ROWS, baseline_rows=ROWS)
    one.unseen_categories.extend(label for label in after if label not in before)
    one.out_of_range_share = sum(after[label] for label in one.unseen_categories)
    _measure(one)
    return one


def _measure(one: FeatureDrift) -> None:
    pairs = [(max(part.baseline_share, 0.5 / ROWS), max(part.current_share, 0.5 / ROWS)) for part in one.bins]
    one.psi = sum((after - before) * math.log(after / before) for before, after in pairs)
    one.psi_null_q95 = 2 / ROWS * 16.9
    one.chi_square, one.degrees_of_freedom = one.psi * ROWS / 2, len(pairs) - 1
    one.p_value = one.chi_square_p_value = math.exp(-one.chi_square / 4)
    one.adjusted_p_value = min(1.0, one.p_value * 2)
    one.significant = one.adjusted_p_value < 0.05
    one.psi_level = (
        drift.DRIFT_STATUS_OK
        if one.psi < 0.1
        else drift.DRIFT_STATUS_WARNING
        if one.psi < 0.2
        else drift.DRIFT_STATUS_ALERT
    )
    one.status = one.psi_level if one.significant else drift.DRIFT_STATUS_OK
    one.jensen_shannon = one.psi / 8 / math.log(2)
    one.jensen_shannon_distance = math.sqrt(one.jensen_shannon)
    one.hellinger = math.sqrt(one.psi / 8)
    one.l_infinity = max(abs(after - before) for before, after in pairs)
    one.psi_rule, one.importance = "half_count", 1.0
    one.missing_share = one.baseline_missing_share = 0.01
    one.missing_p_value = one.adjusted_missing_p_value = 0.7


def result(features: Sequence[FeatureDrift], end: datetime = END, summary: str = "") -> DriftResult:
    """A result of an hour that ended then."""
    worst = max(
        (one.status for one in features if one.status != drift.DRIFT_STATUS_INSUFFICIENT_DATA),
        default=drift.DRIFT_STATUS_OK,
    )
    ranked = sorted(features, key=lambda one: (-one.status, -one.psi))
    drifting = [one for one in ranked if one.status in (2, 3)]
    told = f"No drift among {len(features)} features in {ROWS} rows."
    if drifting:
        first = f"{drifting[0].feature} (PSI {drifting[0].psi:.3f})"
        told = f"{len(drifting)} of {len(features)} features drift: {first}."
    made = DriftResult(
        format=1,
        name=f"{MODEL}/results/{end:%Y%m%d%H%M}",
        model=MODEL,
        baseline=f"{MODEL}/baselines/spring",
        reference=f"{MODEL}/baselines/spring",
        rows=ROWS,
        baseline_rows=ROWS,
        features=ranked,
        summary=summary or told,
        overall_score=sum(one.psi for one in features) / max(len(features), 1),
    )
    made.status = worst
    made.start_time.FromDatetime(end - timedelta(hours=1))
    made.end_time.FromDatetime(end)
    made.create_time.FromDatetime(end + timedelta(seconds=20))
    return made


def telling(shift: float = 1.0, end: datetime = END) -> DriftResult:
    """A result with something of everything; `shift` says how far its columns moved."""
    age = number("age", 0.02)
    vanished = FeatureDrift(
        feature="last_login_days",
        kind=FEATURE_KIND_NUMERIC,
        status=drift.DRIFT_STATUS_ALERT if shift > 0.5 else drift.DRIFT_STATUS_INSUFFICIENT_DATA,
        missing_share=1.0,
        baseline_missing_share=0.02,
        missing_p_value=0.0,
        adjusted_missing_p_value=0.0,
        missingness_changed=True,
        baseline_rows=ROWS,
        importance=1.0,
    )
    amount = number("amount", 0.6 * shift, 1200, 400)
    amount.out_of_range_share, amount.adjusted_out_of_range_p_value = 0.034 * shift, 1e-9
    amount.out_of_range_changed = shift > 0.1
    plan = category(
        "contract_type",
        {"basic": 0.55, "gold": 0.3, "enterprise": 0.15},
        {"basic": 0.55 - 0.2 * shift, "gold": 0.3 + 0.1 * shift, "enterprise": 0.15, "trial": 0.1 * shift},
    )
    label = category(
        "churned", {"no": 0.8, "yes": 0.2}, {"no": 0.8 - 0.14 * shift, "yes": 0.2 + 0.14 * shift}
    )
    label.role = FEATURE_ROLE_PREDICTION
    score = number("probability", 0.28 * shift, 0.5, 0.1)
    score.role = FEATURE_ROLE_SCORE
    rng = np.random.default_rng(3)
    rest = [number(f"usage_{index:02}", float(rng.normal(0, 0.02)), 100, 25) for index in range(1, 13)]
    made = result(
        [age, vanished, amount, plan, label, score, number("tenure", 0.36 * shift, 24, 12), *rest], end
    )
    made.warnings.append("last_login_days: missing in 100.0% of rows, 2.0% in the baseline.")
    made.caveat = "Each p-value is for a person who looks once; 14 analyses were made in the last 24 hours."
    made.looks = 14
    made.settings.significance = 0.05
    made.settings.correction = drift.CORRECTION_BENJAMINI_HOCHBERG
    made.concept.signals.add(detector="shiryaev_roberts", metric="error", rows=4211)
    return made


def past(count: int = 30) -> list[DriftResult]:
    """Analyses of the hours before, in which it slowly came to this."""
    return [
        telling(max(0.0, 1 - hours / 18) ** 2, END - timedelta(hours=hours)) for hours in range(1, count + 1)
    ]


def history(days: int = 14) -> GetPerformanceHistoryResponse:
    """How right the model was: worse from day to day, with intervals."""
    made = GetPerformanceHistoryResponse(model=MODEL, step=quality.PERFORMANCE_STEP_DAILY, confidence=0.95)
    for day in range(days):
        point = made.points.add(predictions=1200, labelled=900, coverage=0.75, labels=900, scored=900)
        point.start_time.FromDatetime(END - timedelta(days=days - day))
        point.end_time.FromDatetime(END - timedelta(days=days - day - 1))
        value = 0.92 - 0.012 * day
        for estimate, shift in ((point.accuracy, 0.0), (point.macro.f1, -0.03), (point.log_loss, -0.6)):
            estimate.value, estimate.low, estimate.high = (
                value + shift,
                value + shift - 0.02,
                value + shift + 0.02,
            )
    made.points[-1].partial = True
    return made
