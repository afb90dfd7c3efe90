"""A canary's rules: their defaults, checks, and advice."""

import math
from collections.abc import Iterator, Sequence

from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import DIRECTION_MINIMIZE, Router

from services.router.config.measures import range_of
from services.router.config.problems import Problems
from services.router.config.spans import check_span, told
from services.state.outcomes import DEFAULT_METRIC as REWARD_METRIC

CANARY_PERCENTAGE = 10.0
MOST_STEPS = 20
MOST_GUARDRAILS = 8
# Seconds. Nobody waits longer for a stage, and records of predictions are kept for 400 days at most.
LONGEST_STAGE = 90 * 86_400.0
LABEL_HORIZON = 3600
SHORTEST_HORIZON, LONGEST_HORIZON = 1.0, 400 * 86_400.0
MOST_SAMPLES = 1_000_000_000
ALPHA = 0.05
LEAST_ALPHA, MOST_ALPHA = 1e-6, 0.5
HOLD = "hold"
DRIFT = "drift"
# Of a quantile, one answer is slow or it is not: that can be tested. Latency alone is the last one.
LATENCIES = ("latency", "latency_p50", "latency_p95", "latency_p99")
ALWAYS = (REWARD_METRIC, "error_rate", *LATENCIES)
# They are made of many predictions together: no test of one value per prediction can judge them.
NO_MEANS = ("f1", "precision", "recall", "auc", "rmse")
# Below, a test that is valid at any time cannot have seen enough, and point estimates say little.
FEW_SAMPLES = 100
LONG_DAYS = 30.0


def fill(canary: strategy.CanaryStrategy) -> None:
    """Write out the defaults, in place."""
    if not canary.HasField("canary_percentage"):
        canary.canary_percentage = canary.steps[0].percentage if canary.steps else CANARY_PERCENTAGE
    canary.evidence = canary.evidence or strategy.EVIDENCE_ANYTIME_VALID
    canary.on_missing_data = canary.on_missing_data or HOLD
    if not canary.HasField("label_horizon"):
        canary.label_horizon.FromSeconds(LABEL_HORIZON)
    if not canary.HasField("alpha"):
        canary.alpha = ALPHA
    if not canary.HasField("auto"):
        canary.auto = True
    if canary.HasField("promotion_criteria"):
        canary.promotion_criteria.metric = canary.promotion_criteria.metric or REWARD_METRIC
    for guardrail in canary.guardrails:
        guardrail.action = guardrail.action or strategy.GUARDRAIL_ACTION_ROLLBACK


def check(router: Router, problems: Problems) -> None:
    """Everything about router.canary, which has its defaults."""
    canary = router.canary
    _pair(router, problems)
    if not 0 <= canary.canary_percentage <= 100:
        problems.add("router.canary.canary_percentage", f"0 to 100, got {canary.canary_percentage:g}")
    _steps(canary, problems)
    if canary.HasField("promotion_criteria"):
        _criteria(router, canary.promotion_criteria, problems)
    check_guardrails(router, canary.guardrails, "router.canary.guardrails", problems, (DRIFT,))
    if canary.evidence not in strategy.Evidence.values():
        said = f"EVIDENCE_ANYTIME_VALID or EVIDENCE_LITERAL, got {int(canary.evidence)}"
        problems.add("router.canary.evidence", said)
    if canary.on_missing_data != HOLD:
        said = f"hold: no data is never success; got {canary.on_missing_data[:100]!r}"
        problems.add("router.canary.on_missing_data", said)
    check_span(
        canary.label_horizon, "router.canary.label_horizon", SHORTEST_HORIZON, LONGEST_HORIZON, problems
    )
    if not LEAST_ALPHA <= canary.alpha <= MOST_ALPHA:
        problems.add("router.canary.alpha", f"{LEAST_ALPHA:g} to {MOST_ALPHA:g}, got {canary.alpha:g}")
    if canary.HasField("max_samples"):
        _budget(canary, problems)


def _pair(router: Router, problems: Problems) -> None:
    canary, enabled = router.canary, {variant.id: variant.enabled for variant in router.variants}
    # Nobody misses a canary that has ended, or has not begun: at 0 % it may be disabled.
    for field, needed in (("baseline_model", True), ("canary_model", canary.canary_percentage > 0)):
        named: str = getattr(canary, field)
        if not named:
            problems.add(f"router.canary.{field}", "is required")
        elif named not in enabled:
            problems.add(f"router.canary.{field}", f"{named} is no variant of this router")
        elif needed and not enabled[named]:
            said = f"{named} is disabled, and the other of the two would get everything; enable it first"
            problems.add(f"router.canary.{field}", said)
    if canary.baseline_model and canary.baseline_model == canary.canary_model:
        problems.add("router.canary.canary_model", "must differ from baseline_model")


def _steps(canary: strategy.CanaryStrategy, problems: Problems) -> None:
    if len(canary.steps) > MOST_STEPS:
        problems.add("router.canary.steps", f"at most {MOST_STEPS}, got {len(canary.steps)}")
        return
    before = 0.0
    for place, step in enumerate(canary.steps):
        field = f"router.canary.steps[{place}]"
        if not before < step.percentage < 100:
            said = f"above {before:g} and below 100, which promotion brings; got {step.percentage:g}"
            problems.add(f"{field}.percentage", said)
        before = max(before, step.percentage)
        check_span(step.min_duration, f"{field}.min_duration", 0.0, LONGEST_STAGE, problems)
        _samples(f"{field}.min_samples", step.min_samples, problems)


def _criteria(router: Router, criteria: strategy.PromotionCriteria, problems: Problems) -> None:
    field = "router.canary.promotion_criteria"
    check_metric(f"{field}.metric", router, criteria.metric, (REWARD_METRIC,), problems)
    least, greatest = range_of(router, criteria.metric)
    # The whole range could only be gained over a baseline that is always as bad as can be.
    if not 0 <= criteria.min_improvement < greatest - least:
        said = f"0 or more and below {greatest - least:g}, all of the metric's range; "
        problems.add(f"{field}.min_improvement", f"{said}got {criteria.min_improvement:g}")
    _samples(f"{field}.min_samples", criteria.min_samples, problems)


def _budget(canary: strategy.CanaryStrategy, problems: Problems) -> None:
    least = max(1, canary.promotion_criteria.min_samples)
    if not least <= canary.max_samples <= MOST_SAMPLES:
        said = f"{least}, promotion_criteria.min_samples, to {MOST_SAMPLES}; got {canary.max_samples}"
        problems.add("router.canary.max_samples", said)


def check_guardrails(
    router: Router,
    given: Sequence[strategy.Guardrail],
    where: str,
    problems: Problems,
    more: tuple[str, ...] = (),
) -> None:
    """Guardrails at `where`: a metric each, with one bound. more: what is offered beside metrics."""
    if len(given) > MOST_GUARDRAILS:
        problems.add(where, f"at most {MOST_GUARDRAILS}, got {len(given)}")
        return
    seen: set[str] = set()
    for place, one in enumerate(given):
        field = f"{where}[{place}]"
        if one.metric in seen:
            problems.add(f"{field}.metric", f"{one.metric[:100]} has a guardrail already")
        seen.add(one.metric)
        if one.action not in strategy.GuardrailAction.values():
            said = f"GUARDRAIL_ACTION_PAUSE or GUARDRAIL_ACTION_ROLLBACK, got {int(one.action)}"
            problems.add(f"{field}.action", said)
        if one.metric == DRIFT:
            if one.HasField("max_value") or one.HasField("max_regression"):
                problems.add(field, "drift has no bound: it is broken while the status is alert")
            continue
        check_metric(f"{field}.metric", router, one.metric, (*ALWAYS, *more), problems)
        _bound(field, router, one, problems)


def _bound(field: str, router: Router, one: strategy.Guardrail, problems: Problems) -> None:
    bounds = [name for name in ("max_value", "max_regression") if one.HasField(name)]
    if len(bounds) != 1:
        problems.add(field, f"needs exactly one of max_value and max_regression, got {len(bounds)}")
        return
    name, value = bounds[0], getattr(one, bounds[0])
    least, greatest = (0.0, math.inf) if one.metric in LATENCIES else range_of(router, one.metric)
    if one.metric in LATENCIES and name == "max_regression":
        said = f"{one.metric} has max_value: the milliseconds that 1 % may exceed, 5 % of latency_p95"
        problems.add(f"{field}.{name}", said)
    elif name == "max_value" and _more_is_better(router, one.metric):
        said = f"bounds what is better the less there is of it; of {one.metric} more is: use max_regression"
        problems.add(f"{field}.{name}", said)
    elif name == "max_value" and not least < value < greatest:
        bound = f"above {least:g}" + (f" and below {greatest:g}" if math.isfinite(greatest) else "")
        problems.add(f"{field}.{name}", f"{bound}, got {value:g}")
    elif name == "max_regression" and not 0 <= value < greatest - least:
        problems.add(f"{field}.{name}", f"0 or more and below {greatest - least:g}, got {value:g}")


def _more_is_better(router: Router, name: str) -> bool:
    declared = [metric.direction for metric in router.metrics if metric.name == name]
    return DIRECTION_MINIMIZE not in declared if declared else name == REWARD_METRIC


def check_metric(field: str, router: Router, name: str, known: tuple[str, ...], problems: Problems) -> None:
    declared = {metric.name for metric in router.metrics}
    if name in declared or name in known:
        return
    if name in NO_MEANS:
        said = f"{name} is no mean of values per prediction, and cannot be tested as one"
        problems.add(field, f"{said}; choose {', '.join(known)} or a declared metric")
    else:
        problems.add(field, f"{', '.join(known)}, or a name among router.metrics; got {name[:100]!r}")


def _samples(field: str, given: int, problems: Problems) -> None:
    if not 0 <= given <= MOST_SAMPLES:
        problems.add(field, f"0 to {MOST_SAMPLES}, got {given}")


def advice(router: Router) -> Iterator[str]:
    """What is allowed and rarely meant."""
    if not router.HasField("canary"):
        return
    canary = router.canary
    if not (canary.HasField("promotion_criteria") or canary.guardrails or canary.steps):
        yield (
            "The canary has neither promotion_criteria nor guardrails: it keeps its percentage "
            "until somebody changes it, or until it fails far more often than the baseline."
        )
    elif not canary.auto:
        yield "The canary's auto is off: GetCanary says what its rules would do, and a person does it."
    if canary.evidence == strategy.EVIDENCE_LITERAL:
        yield (
            "The canary's evidence is LITERAL: criteria that are read as point estimates promote a canary "
            "that is no better in 76 to 80 % of trials; ANYTIME_VALID does so in at most "
            f"{100 * canary.alpha:g} %."
        )
    if canary.HasField("promotion_criteria"):
        yield from _sizes(canary)


def _sizes(canary: strategy.CanaryStrategy) -> Iterator[str]:
    least = canary.promotion_criteria.min_samples
    if least < FEW_SAMPLES:
        yield (
            f"The canary's min_samples of {least} are few: {FEW_SAMPLES} labels still leave a mean uncertain "
            "by some 10 points of 100."
        )
    labels = max(least, FEW_SAMPLES)
    share = max(canary.canary_percentage, *(step.percentage for step in canary.steps), 0.0) / 100
    days = labels / share / 86_400 if share else 0.0
    if days > LONG_DAYS:
        yield (
            f"At {100 * share:g} % the canary has {labels} labels only after {labels / share:,.0f} "
            f"predictions: {told(round(days) * 86_400.0)} at one a second."
        )
