"""What a router's configuration asks of its variants: an experiment's questions, and a canary's."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from google.protobuf.duration_pb2 import Duration
from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1 import strategy_pb2 as strategy

from services.feedback.canary.plan import Guardrail
from services.feedback.evidence.plan import (
    ALPHA,
    LABEL_HORIZON_SECONDS,
    MIN_SAMPLES,
    QUANTILES,
    Experiment,
    Metric,
    Source,
    TestSpec,
    Watch,
)
from services.feedback.measure import Measure
from services.feedback.rules import Rules
from services.state.moments import NANOS
from services.state.outcomes import DEFAULT_METRIC

ERROR_RATE = "error_rate"
DEADLINE_SECONDS = 30.0
# After a deadline, the event of its prediction is in the stream: batches of 20 ms, and a try again.
SETTLE_SECONDS = 5.0
# A margin of the whole range is never passed, and nothing that a test could be asked.
MOST_MARGIN = 0.999999


def watched(router: wire.Router, rules: Rules) -> Rules:
    """The rules, with what the router's experiment and its canary ask."""
    experiment = experiment_of(router) if router.HasField("experiment") else None
    updated = router.update_time.ToNanoseconds() / NANOS
    rules = replace(rules, experiment=experiment, updated=updated)
    return replace(rules, watch=watch_of(router, rules))


def experiment_of(router: wire.Router) -> Experiment:
    """How the router's variants are compared."""
    given = router.experiment
    return Experiment(
        given.primary_metric or DEFAULT_METRIC,
        given.min_effect,
        given.alpha if given.HasField("alpha") else ALPHA,
        [f"guardrail:{one.metric}" for one in given.guardrails],
        given.min_samples if given.HasField("min_samples") else MIN_SAMPLES,
        given.max_samples,
    )


def watch_of(router: wire.Router, rules: Rules) -> Watch | None:
    """What is kept and tested; None where nothing is asked."""
    arms, asked = arms_of(router, rules), [*_of_canary(rules)]
    if rules.experiment is not None:
        known = {spec.name for spec, _ in asked}
        of_experiment = _of_experiment(router, rules, rules.experiment, len(arms) - 1)
        asked += [(spec, metric) for spec, metric in of_experiment if spec.name not in known]
    if not asked or len(arms) < 2:
        return None
    given = router.experiment
    return Watch(
        arms=arms,
        metrics={spec.metric: metric for spec, metric in asked},
        tests=[spec for spec, _ in asked],
        by_entity=given.unit != "prediction",
        salt="\0".join([router.stickiness.salt, *(rules.canary.models if rules.canary else ())]),
        label_horizon=_horizon(router, rules),
        settle=_seconds(router.default_deadline, DEADLINE_SECONDS) + SETTLE_SECONDS,
        segments=sorted(rules.segments) if rules.experiment else (),
        trial=rules.canary.trial.number if rules.canary else 0,
    )


def arms_of(router: wire.Router, rules: Rules) -> Sequence[str]:
    """The variants that are compared, the baseline first."""
    if rules.canary is not None:
        return [rules.canary.baseline, rules.canary.canary]
    named = dict(zip(rules.enabled, router.variants, strict=False))
    baseline = next((name for name, one in named.items() if one.role == wire.VARIANT_ROLE_BASELINE), None)
    first = baseline or next((name for name, enabled in rules.enabled.items() if enabled), "")
    return [first, *(name for name in rules.enabled if name != first)]


Asked = tuple[TestSpec, Metric]


def _of_canary(rules: Rules) -> Iterator[Asked]:
    canary = rules.canary
    # Once it is promoted or rolled back, there is nobody left to compare it with.
    if canary is None or not canary.live:
        return
    if canary.criteria is not None:
        metric = metric_of(canary.criteria.metric, rules)
        margin = canary.criteria.min_improvement / metric.width
        yield _test("promotion", metric, canary.alpha, margin), metric
    # All that can roll a sound canary back share one alpha: together they do so that rarely.
    harm = canary.alpha / (len(canary.tested) + (canary.criteria is not None) or 1)
    if canary.criteria is not None:
        yield _test("loss", metric, harm, flip=True), metric
    for one in canary.tested:
        yield guarded(one, rules, harm)


def _of_experiment(
    router: wire.Router, rules: Rules, experiment: Experiment, treatments: int
) -> Iterator[Asked]:
    metric = metric_of(experiment.primary_metric, rules)
    share = experiment.alpha / max(treatments, 1)
    guardrails = [_guardrail(one) for one in router.experiment.guardrails]
    # Half for a win; what ends in LOSE shares the other half.
    harm = share / 2 / (1 + len(guardrails))
    yield _test("primary", metric, share / 2), metric
    yield _test("loss", metric, harm, flip=True), metric
    if experiment.min_effect > 0:
        yield _test("futility", metric, share, -experiment.min_effect / metric.width, flip=True), metric
    for one in guardrails:
        yield guarded(one, rules, harm)


def guarded(one: Guardrail, rules: Rules, alpha: float) -> Asked:
    """The test that a metric does not get worse: than the baseline by more than max_regression, or else than
    max_value. Of a quantile of latency, max_value says which answers are slow."""
    metric = metric_of(one.metric, rules, one.max_value or 0.0)
    if one.max_regression is not None or one.max_value is None:
        return _test(
            one.question, metric, alpha, (one.max_regression or 0.0) / metric.width, flip=True
        ), metric
    if one.metric in QUANTILES:
        level = 1.0 - QUANTILES[one.metric]
    else:
        low = metric.measure.low if metric.measure else 0.0
        level = (one.max_value - low) / metric.width
    return TestSpec(
        one.question, metric.name, "level", min(max(level, 0.0), MOST_MARGIN), True, alpha
    ), metric


def metric_of(name: str, rules: Rules, slo_ms: float = 0.0) -> Metric:
    """A metric by the name that the configuration gives it."""
    if name == ERROR_RATE:
        return Metric(name, Source.FAILURE)
    if name in QUANTILES:
        return Metric(f"{name}<={slo_ms:g}", Source.LATENCY, slo_ms=slo_ms)
    measure = rules.measures.get(name) or Measure(name, from_truth=name == DEFAULT_METRIC)
    failed = measure.merit(rules.failure_units) if measure == rules.reward else 0.0
    return Metric(name, Source.FEEDBACK, measure, failed)


def _test(name: str, metric: Metric, alpha: float, margin: float = 0.0, *, flip: bool = False) -> TestSpec:
    # What is right or wrong is asked by the sharper test; a margin needs the other one.
    whole = metric.prompt or metric.name == DEFAULT_METRIC
    kind = "binary" if whole and margin == 0 else "mean"
    margin = min(max(margin, -MOST_MARGIN), MOST_MARGIN)
    return TestSpec(name, metric.name, kind, margin, flip, alpha)


def _guardrail(given: strategy.Guardrail) -> Guardrail:
    return Guardrail(
        given.metric,
        given.max_value if given.HasField("max_value") else None,
        given.max_regression if given.HasField("max_regression") else None,
    )


def _horizon(router: wire.Router, rules: Rules) -> float:
    """How long labels are waited for; where experiment and canary differ, the longer one serves both."""
    own = _seconds(router.experiment.label_horizon, LABEL_HORIZON_SECONDS)
    of_canary = rules.canary.label_horizon if rules.canary else 0.0
    wanted = max(own if rules.experiment else 0.0, of_canary)
    return min(wanted, rules.horizon)


def _seconds(given: Duration, default: float) -> float:
    return (given.seconds + given.nanos / NANOS) or default
