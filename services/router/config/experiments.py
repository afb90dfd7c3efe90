"""An experiment: its defaults, its checks, and advice on it."""

from collections.abc import Iterator

from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1.router_pb2 import Router

from services.router.config import canaries
from services.router.config.measures import range_of
from services.router.config.problems import Problems
from services.router.config.spans import check_span, told
from services.state.outcomes import DEFAULT_METRIC

PRIMARY_METRIC, ERROR_RATE = DEFAULT_METRIC, "error_rate"
UNITS = ENTITY, PREDICTION = "entity", "prediction"
ALPHA = 0.05
LEAST_ALPHA, MOST_ALPHA = 1e-6, 0.5
LABEL_HORIZON = 3600
SHORTEST_HORIZON, LONGEST_HORIZON = 1.0, 400 * 86_400.0
MIN_SAMPLES = 100
MOST_SAMPLES = 1_000_000_000
# Each is compared with the baseline, in each segment: states and error rates are shared by all of them.
MOST_TREATMENTS = 10
# They draw by chance, with shares that are logged; nothing else can be compared.
DRAWING = ("weighted", "random", "canary", "bandit")


def fill(router: Router) -> None:
    """Write out every default that applies."""
    if not router.HasField("experiment"):
        return
    given = router.experiment
    given.primary_metric = given.primary_metric or PRIMARY_METRIC
    given.unit = given.unit or ENTITY
    defaults = {"min_effect": 0.0, "alpha": ALPHA, "min_samples": MIN_SAMPLES, "max_samples": 0}
    for name, value in defaults.items():
        if not given.HasField(name):  # type: ignore[arg-type,unused-ignore]
            setattr(given, name, value)
    if not given.HasField("label_horizon"):
        given.label_horizon.FromSeconds(LABEL_HORIZON)


def check(router: Router, problems: Problems) -> None:
    """Everything about router.experiment, which has its defaults."""
    if not router.HasField("experiment"):
        return
    given, field = router.experiment, "router.experiment"
    strategy = router.WhichOneof("strategy") or "weighted"
    if strategy not in DRAWING:
        said = f"compares what chance has drawn: {', '.join(DRAWING)}; {strategy} does not draw"
        problems.add(field, said)
    if len(router.variants) > MOST_TREATMENTS + 1:
        said = f"a baseline and at most {MOST_TREATMENTS} other variants, got {len(router.variants)} variants"
        problems.add(field, said)
    if sum(one.role == wire.VARIANT_ROLE_BASELINE for one in router.variants) > 1:
        problems.add("router.variants", "at most one is the baseline of an experiment")
    _primary(router, problems)
    if not LEAST_ALPHA <= given.alpha <= MOST_ALPHA:
        problems.add(f"{field}.alpha", f"{LEAST_ALPHA:g} to {MOST_ALPHA:g}, got {given.alpha:g}")
    if given.unit not in UNITS:
        problems.add(f"{field}.unit", f"{' or '.join(UNITS)}, got {given.unit[:100]!r}")
    check_span(given.label_horizon, f"{field}.label_horizon", SHORTEST_HORIZON, LONGEST_HORIZON, problems)
    _samples(given, problems)
    if any(one.metric == canaries.DRIFT for one in given.guardrails):
        problems.add(f"{field}.guardrails", "drift is a guardrail of canaries, which can roll back")
    else:
        canaries.check_guardrails(router, given.guardrails, f"{field}.guardrails", problems)


def _primary(router: Router, problems: Problems) -> None:
    given, field = router.experiment, "router.experiment"
    known = (PRIMARY_METRIC, ERROR_RATE)
    canaries.check_metric(f"{field}.primary_metric", router, given.primary_metric, known, problems)
    least, greatest = range_of(router, given.primary_metric)
    if not 0 <= given.min_effect < greatest - least:
        said = (
            f"0 or more and below {greatest - least:g}, all of the metric's range; got {given.min_effect:g}"
        )
        problems.add(f"{field}.min_effect", said)
    criteria = router.canary.promotion_criteria.metric
    if criteria and criteria != given.primary_metric:
        said = f"{criteria[:100]}, which promotes the canary; got {given.primary_metric[:100]!r}"
        problems.add(f"{field}.primary_metric", said)


def _samples(given: wire.ExperimentSpec, problems: Problems) -> None:
    if not 0 <= given.min_samples <= MOST_SAMPLES:
        problems.add("router.experiment.min_samples", f"0 to {MOST_SAMPLES}, got {given.min_samples}")
    if given.max_samples and not max(given.min_samples, 1) <= given.max_samples <= MOST_SAMPLES:
        said = f"0, or min_samples ({given.min_samples}) to {MOST_SAMPLES}; got {given.max_samples}"
        problems.add("router.experiment.max_samples", said)


def advice(router: Router) -> Iterator[str]:
    """What is allowed and rarely meant."""
    if not router.HasField("experiment"):
        return
    given = router.experiment
    if given.unit == PREDICTION and router.stickiness.enabled:
        yield (
            "The experiment's unit is prediction, and the router is sticky: an entity's predictions are not "
            "drawn apart, and a variant that is no better wins in 4 of 10 experiments; use unit entity."
        )
    bandit = router.bandit
    if router.HasField("bandit") and not (bandit.floor or bandit.exploration_rate):
        yield (
            "The experiment compares arms of a bandit without a floor: where it has settled, nothing is "
            "drawn and nothing more is learnt."
        )
    yield from _unreported(router)
    if router.HasField("log") and router.log.HasField("retention"):
        kept = router.log.retention.seconds
        if kept < given.label_horizon.seconds:
            yield (
                f"The experiment waits {told(given.label_horizon.seconds)} for labels, and feedback counts "
                f"for {told(kept)} (log.retention): it waits no longer than that."
            )


def _unreported(router: Router) -> Iterator[str]:
    """A metric whose values only feedback brings."""
    given = router.experiment
    sources = {metric.name: metric.source for metric in router.metrics}
    asked = [given.primary_metric, *(one.metric for one in given.guardrails)]
    for name in dict.fromkeys(asked):
        source = sources.get(name, wire.METRIC_SOURCE_UNSPECIFIED)
        reported = source in (wire.METRIC_SOURCE_REWARD, wire.METRIC_SOURCE_UNSPECIFIED)
        if name in sources and reported and name != PRIMARY_METRIC:
            waits = told(given.label_horizon.seconds)
            yield (
                f"The experiment reads {name}, which only RecordFeedback brings: an observation without it "
                f"after {waits} is missing."
            )
    if PRIMARY_METRIC in asked and router.task.type == wire.TASK_TYPE_REGRESSION:
        yield "The experiment reads accuracy, and answers of a regression are neither right nor wrong."
