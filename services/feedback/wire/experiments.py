"""An experiment as its readers are told of it."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from turnout.feedback.v1 import experiment_pb2 as wire

from services.feedback.evidence.model import Comparison, Evidence, Tested
from services.feedback.evidence.plan import Experiment, Metric, Source, TestSpec, Watch
from services.feedback.evidence.quantiles import bounded
from services.feedback.evidence.verdicts import Judged, judge_all, judge_each, unfair
from services.feedback.rules import Rules
from services.feedback.sequential.display import TIGHTEST_AT, Estimate, half_width, tightness
from services.feedback.sequential.multiplicity import declared, insured
from services.feedback.sequential.planning import expected_samples, power
from services.feedback.sequential.questions import Test

SHARES = (0.5, 0.95, 0.99)
# Beyond it, a reader should look for who reports.
MISSING_SHARE = 0.5


def experiment_said(
    rules: Rules, experiment: Experiment, watch: Watch, evidence: Evidence
) -> wire.Experiment:
    """What the evidence says of a router's experiment."""
    metric = watch.metrics[experiment.primary_metric]
    resting = [arm for arm in watch.arms if not rules.enabled.get(arm, True)]
    each = judge_each(experiment, metric, evidence)
    together = judge_all(each, evidence)
    made = wire.Experiment(
        router=rules.name,
        decision=_decision(together.verdict),
        reason=together.reason,
        winner=together.winner,
        baseline=watch.baseline,
        primary_metric=experiment.primary_metric,
        alpha=experiment.alpha,
        min_effect=experiment.min_effect,
        unit="entity" if watch.by_entity else "prediction",
        arms=[_arm(watch, evidence, metric, arm) for arm in watch.arms],
        comparisons=[
            _comparison(experiment, watch, evidence, one, each[one.treatment], resting)
            for one in evidence.comparisons
        ],
        sample_ratio=_ratio(evidence),
        missing_labels=list(_missing(evidence)),
        segments=_segments(experiment, metric, evidence),
        warnings=[*evidence.warnings, *_warnings(watch, evidence, resting)],
    )
    for field, at in (
        ("start", evidence.started),
        ("watermark", evidence.watermark),
        ("seen", evidence.seen),
    ):
        getattr(made, f"{field}_time").FromNanoseconds(int(at * 1e9))
    return made


def _decision(verdict: str) -> str:
    return f"EXPERIMENT_DECISION_{verdict}"


def _arm(watch: Watch, evidence: Evidence, metric: Metric, arm: str) -> wire.ExperimentArm:
    counts = evidence.arms[arm]
    made = wire.ExperimentArm(
        variant=arm,
        decisions=counts.decisions,
        observations=counts.mature,
        missing=counts.missing,
        failures=counts.failures,
        late=counts.late,
    )
    n, mean = _mean(evidence, watch, arm)
    if n:
        alpha = evidence.comparisons[0].tests["primary"].spec.alpha / len(watch.arms)
        half = half_width(n, mean * (1 - mean), tightness(alpha, TIGHTEST_AT), alpha)
        ends = sorted((_told(metric, max(mean - half, 0.0)), _told(metric, min(mean + half, 1.0))))
        made.mean = _told(metric, mean)
        made.mean_bounds.low, made.mean_bounds.high = ends
    for share in SHARES:
        if found := bounded(evidence.latency.get(arm, {}), share, 0.05 / len(watch.arms)):
            told = made.latency.add(quantile=share, estimate_ms=found.estimate)
            if found.low is not None:
                told.low_ms = found.low
            if found.high is not None:
                told.high_ms = found.high
    return made


def _mean(evidence: Evidence, watch: Watch, arm: str) -> tuple[int, float]:
    """Observations and mean merit of an arm; of the baseline, those beside the first treatment that has
    any."""
    for one in evidence.comparisons:
        told = one.tests["primary"].estimate
        n, mean = (told.n0, told.mean0) if arm == watch.baseline else (told.n1, told.mean1)
        if n and arm in (watch.baseline, one.treatment):
            return n, mean
    return 0, math.nan


def _comparison(
    experiment: Experiment,
    watch: Watch,
    evidence: Evidence,
    one: Comparison,
    judged: Judged,
    resting: Sequence[str],
) -> wire.ExperimentComparison:
    """How a treatment compares; what is to come is told only where observations of both still do."""
    metric = watch.metrics[experiment.primary_metric]
    guards = [name for name in experiment.guardrails if name in one.tests]
    made = wire.ExperimentComparison(
        variant=one.treatment,
        decision=_decision(judged.verdict),
        reason=judged.reason,
        effect=_effect(metric, one),
        guardrails=[_guardrail(watch, one.tests[name]) for name in guards],
    )
    primary = one.tests["primary"]
    n = primary.estimate.n0 + primary.estimate.n1
    growing = one.treatment not in resting and watch.baseline not in resting
    if not (growing and experiment.min_effect > 0 and primary.estimate.n0 and primary.estimate.n1):
        return made
    asked, effect = Test(primary.spec.kind, primary.spec.margin), experiment.min_effect / metric.width
    share = primary.estimate.n1 / n
    told = (asked, primary.state, effect, share, primary.spec.alpha)
    further = expected_samples(*told)
    if further is not None:
        made.expected_observations = math.ceil(further)
        if evidence.watermark > evidence.started:
            seconds = further * (evidence.watermark - evidence.started) / n
            made.expected_time.FromSeconds(min(math.ceil(seconds), 10**10))
    if experiment.max_samples:
        # Until the smaller arm has its number.
        left = experiment.max_samples / min(share, 1 - share) - n
        made.power = power(*told, max(left, 0.0))
    return made


def _effect(metric: Metric, one: Comparison) -> wire.Effect | None:
    told = one.tests["primary"].estimate
    if not (told.n0 and told.n1):
        return None
    sign = (-1 if _turned(metric) else 1) * metric.width
    low, high = sorted((told.low * sign, told.high * sign))
    return wire.Effect(
        estimate=told.effect * sign,
        bounds=wire.Bounds(low=low, high=high),
        p_better=_p(one.tests["primary"].log_e),
        p_worse=_p(one.tests["loss"].log_e),
    )


def _guardrail(watch: Watch, test: Tested) -> wire.GuardrailResult:
    spec, told = test.spec, test.estimate
    metric, level = watch.metrics[spec.metric], spec.kind == "level"
    made = wire.GuardrailResult(
        metric=spec.name.partition(":")[2],
        breached=test.declared,
        allowed=0.0 if level else spec.margin * metric.width,
        p_breached=_p(test.log_e),
        observations=told.n0 + told.n1,
    )
    if told.n1:
        made.treatment = _watched(metric, spec, told.mean1)
    if level or told.n0:
        made.baseline = _watched(metric, spec, spec.margin if level else told.mean0)
    return made


def _watched(metric: Metric, spec: TestSpec, mean: float) -> float:
    """A guardrail's mean as its reader knows it: the share that failed or was slow, or the metric itself."""
    return mean if metric.prompt else _told(metric, 1.0 - mean if spec.flip else mean)


def _told(metric: Metric, merit: float) -> float:
    """A merit in the metric's own unit."""
    one = metric.measure
    if one is None:
        return 1.0 - merit if metric.source is Source.FAILURE else merit
    return one.high - merit * metric.width if one.minimize else one.low + merit * metric.width


def _turned(metric: Metric) -> bool:
    return metric.source is Source.FAILURE or bool(metric.measure and metric.measure.minimize)


def _ratio(evidence: Evidence) -> wire.SampleRatio:
    treatments = [one.treatment for one in evidence.comparisons]
    found = unfair(evidence, treatments[0])[0] if treatments else None
    return wire.SampleRatio(mismatch=bool(found and found.answered), p_value=_p(evidence.srm_log_e))


def _missing(evidence: Evidence) -> Iterator[wire.MissingLabels]:
    for one in evidence.comparisons:
        asked = {question.name: question for question in unfair(evidence, one.treatment)}
        for metric, arm in sorted(evidence.missing):
            if arm == one.treatment:
                said = asked[f"missing {metric}"]
                yield wire.MissingLabels(
                    metric=metric, variant=arm, differs=said.answered, p_value=_p(said.log_e)
                )


def _segments(experiment: Experiment, metric: Metric, evidence: Evidence) -> list[wire.SegmentComparison]:
    pairs = [(segment, one) for segment, some in sorted(evidence.segments.items()) for one in some]
    greatest = [one.tests[name].log_e for _, one in pairs for name in ("primary", "loss")]
    if not pairs:
        return []
    told = declared(insured(np.array(greatest)), experiment.alpha).reshape(-1, 2)
    made = []
    for (segment, one), (better, worse) in zip(pairs, told.tolist(), strict=True):
        estimate: Estimate = one.tests["primary"].estimate
        word = "WIN" if better and not worse else "LOSE" if worse and not better else "CONTINUE"
        made.append(
            wire.SegmentComparison(
                segment=segment,
                variant=one.treatment,
                effect=_effect(metric, one),
                observations=estimate.n0 + estimate.n1,
                decision=_decision(word),
            )
        )
    return made


def _warnings(watch: Watch, evidence: Evidence, resting: Sequence[str]) -> Iterator[str]:
    horizon = f"the label horizon of {watch.label_horizon:g} s"
    for arm, counts in evidence.arms.items():
        known = counts.mature + counts.missing
        if known and counts.missing / known > MISSING_SHARE:
            yield (
                f"{counts.missing:,} of {known:,} observations of {arm} had no value within {horizon}: is "
                "the metric reported, and is the horizon long enough?"
            )
    for arm in resting:
        yield f"{arm} is disabled: no further observation of it comes, and what is known of it stands"


def _p(log_e: float) -> float:
    """An anytime-valid p: the inverse of the greatest capital."""
    return math.exp(-max(log_e, 0.0))
