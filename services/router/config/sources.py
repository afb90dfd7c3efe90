"""Checks of where the values of a router's metrics come from: of those that nobody reports, too."""

from turnout.router.v1 import router_pb2
from turnout.router.v1.router_pb2 import MetricSpec, Router

from services.foundation.expressions import BadExpression
from services.router.config.problems import Problems
from services.state.derived import ACCURACY, F1, LESS_IS_BETTER, OF_TRUTH, Formula

# They have no end of their own: what they are at worst is the router's to say.
ENDLESS = (router_pb2.METRIC_SOURCE_LATENCY, router_pb2.METRIC_SOURCE_COST)


def check(metric: MetricSpec, task: int, field: str, problems: Problems) -> None:
    """What a metric is made of, given the task's type."""
    if metric.source not in router_pb2.MetricSource.values():
        problems.add(f"{field}.source", f"one of those that exist, got {metric.source}")
    if metric.source == router_pb2.METRIC_SOURCE_CEL:
        _formula(metric, field, problems)
    elif metric.expression:
        problems.add(f"{field}.expression", "is for source METRIC_SOURCE_CEL only")
    if metric.source == router_pb2.METRIC_SOURCE_TRUTH:
        _truth(metric, task, field, problems)
    if metric.source in ENDLESS:
        _endless(metric, field, problems)


def repeats(router: Router, problems: Problems) -> None:
    """What a second report does."""
    if router.feedback_repeats not in router_pb2.FeedbackRepeats.values():
        problems.add("router.feedback_repeats", f"REPLACE, FIRST or SUM, got {router.feedback_repeats}")
    if router.feedback_repeats != router_pb2.FEEDBACK_REPEATS_SUM:
        return
    for place, metric in enumerate(router.metrics):
        least = metric.min_value if metric.HasField("min_value") else 0.0
        greatest = metric.max_value if metric.HasField("max_value") else 1.0
        if not least <= 0 <= greatest:
            said = f"at most 0, with a max_value of at least 0, where reports add up; got {least:g}"
            problems.add(f"router.metrics[{place}].min_value", said)


def _formula(metric: MetricSpec, field: str, problems: Problems) -> None:
    try:
        Formula(metric.expression)
    except BadExpression as wrong:
        problems.add(f"{field}.expression", str(wrong))


def _truth(metric: MetricSpec, task: int, field: str, problems: Problems) -> None:
    if metric.name not in OF_TRUTH:
        said = f"one of {', '.join(OF_TRUTH)}; another is an expression (METRIC_SOURCE_CEL)"
        problems.add(f"{field}.name", f"what truth yields is {said}, got {metric.name[:100]!r}")
    elif metric.name == F1 and task != router_pb2.TASK_TYPE_GENERATION:
        problems.add(
            f"{field}.name",
            "F1 is a mean per prediction of texts only, where task.type is TASK_TYPE_GENERATION: that of "
            "classes is made of all labels together and cannot be credited to one prediction; take accuracy "
            "or log_loss",
        )
    elif metric.name in LESS_IS_BETTER:
        _endless(metric, field, problems)
    elif metric.direction == router_pb2.DIRECTION_MINIMIZE and metric.name in (ACCURACY, F1):
        problems.add(f"{field}.direction", f"more {metric.name} is better, so DIRECTION_MAXIMIZE")


def _endless(metric: MetricSpec, field: str, problems: Problems) -> None:
    if not metric.HasField("max_value"):
        problems.add(f"{field}.max_value", "is required: what counts as worst, for worse counts the same")
    if metric.direction != router_pb2.DIRECTION_MINIMIZE:
        problems.add(f"{field}.direction", "less of it is better, so DIRECTION_MINIMIZE")
