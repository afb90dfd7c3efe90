"""From evidence, draws and verdicts of drift to what a canary's rules look at."""

import math
from collections.abc import Iterator, Sequence

from services.feedback.canary.findings import PROMOTION, ArmSeen, Finding, Recent, Seen
from services.feedback.canary.plan import Canary
from services.feedback.evidence.model import Evidence, Tested
from services.feedback.evidence.plan import Metric, Watch
from services.feedback.evidence.verdicts import unfair
from services.feedback.sequential.judging import needed
from services.feedback.sequential.planning import expected_samples
from services.feedback.sequential.questions import Test


def seen_of(
    plan: Canary, watch: Watch | None, evidence: Evidence | None, recent: Recent, drift: str
) -> Seen | None:
    """None where nothing at all is known. Without evidence the breaker and drift still act."""
    if watch is None or evidence is None:
        known = recent.calls or drift
        return Seen(recent=recent, drift=drift) if known else None
    return Seen(
        watermark=evidence.watermark if watch.labelled else evidence.seen,
        baseline=_arm(evidence, plan.baseline),
        canary=_arm(evidence, plan.canary),
        findings={one.question: one for one in _findings(plan, watch, evidence)},
        doubts=list(_doubts(plan, evidence)),
        warnings=evidence.warnings,
        recent=recent,
        drift=drift,
    )


def _arm(evidence: Evidence, variant: str) -> ArmSeen:
    arm = evidence.arms[variant]
    return ArmSeen(arm.decisions, arm.mature, arm.missing, arm.failures)


def _doubts(plan: Canary, evidence: Evidence) -> Iterator[str]:
    if evidence.full:
        yield f"{evidence.units:,} units are remembered, and there is no room for more"
    for question in unfair(evidence, plan.canary):
        if question.answered:
            yield f"{question.name} favours one of the two ({question.numbers()})"


def _findings(plan: Canary, watch: Watch, evidence: Evidence) -> Iterator[Finding]:
    (comparison,) = [one for one in evidence.comparisons if one.treatment == plan.canary]
    doubts = unfair(evidence, plan.canary)
    for name, tested in comparison.tests.items():
        spec = tested.spec
        # Labels that the canary alone loses make it look better: a promotion has to outdo that.
        threshold = needed(spec.alpha, doubts) if name == PROMOTION else -math.log(spec.alpha)
        expected = _expected(tested, evidence) if name == PROMOTION else math.nan
        yield _finding(name, watch.metrics[spec.metric], tested, threshold)._replace(expected=expected)


def _expected(tested: Tested, evidence: Evidence) -> float:
    spec, told = tested.spec, tested.estimate
    passed, n = evidence.watermark - evidence.started, told.n0 + told.n1
    if not (told.n0 and told.n1) or passed <= 0 or told.effect <= spec.margin:
        return math.nan
    test = Test(spec.kind, spec.margin)
    further = expected_samples(test, tested.state, told.effect, told.n1 / n, spec.alpha)
    return math.nan if further is None else further * passed / n


def _finding(name: str, metric: Metric, tested: Tested, threshold: float) -> Finding:
    spec, told = tested.spec, tested.estimate
    level = spec.kind == "level"
    excess = (told.mean1 if level else told.mean1 - told.mean0) - spec.margin
    # Values are merits, or 1 − merit where the test is flipped, and a merit grows with the metric or against
    # it.
    against = spec.flip != _lessens(metric)
    sign = (-1.0 if against else 1.0) * metric.width
    base = _end(metric, against)
    low, high = sorted((sign * told.low, sign * told.high))
    unknown = level or not (told.n0 and told.n1)
    return Finding(
        question=name,
        metric=metric.name.partition("<=")[0],
        log_e=tested.log_e,
        threshold=threshold,
        excess=excess,
        n0=told.n0,
        n1=told.n1,
        mean0=base + sign * told.mean0,
        mean1=base + sign * told.mean1,
        effect=math.nan if unknown else sign * told.effect,
        low=math.nan if unknown else low,
        high=math.nan if unknown else high,
    )


def _lessens(metric: Metric) -> bool:
    """Whether a greater merit is a smaller value of the metric."""
    return metric.prompt or bool(metric.measure and metric.measure.minimize)


def _end(metric: Metric, against: bool) -> float:
    """The metric's value where the test's value is 0."""
    if metric.measure is None:
        return 1.0 if against else 0.0
    return metric.measure.high if against else metric.measure.low


def questions(seen: Seen | None) -> Sequence[Finding]:
    """The findings, promotion first."""
    found = list(seen.findings.values()) if seen else []
    return sorted(found, key=lambda one: (one.question != PROMOTION, one.question))
