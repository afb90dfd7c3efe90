"""Checks of what a router measures: its task and its metrics."""

import math

from turnout.router.v1 import router_pb2
from turnout.router.v1.router_pb2 import MetricSpec, Router

from services.router.config import sources
from services.router.config.problems import Problems
from services.state.earned import FARTHEST_END, NARROWEST_RANGE, sound_range

LONGEST_METRIC = 64
MOST_METRICS = 32
MOST_LABELS = 1000


def task(router: Router, problems: Problems) -> None:
    """Labels and the positive one."""
    labels = list(router.task.labels)
    if len(labels) > MOST_LABELS:
        problems.add("router.task.labels", f"at most {MOST_LABELS}, got {len(labels)}")
    if len(set(labels)) < len(labels) or "" in labels:
        problems.add("router.task.labels", "each label once, and none empty")
    positive = router.task.positive_label
    if positive and labels and positive not in labels:
        problems.add("router.task.positive_label", f"one of task.labels, got {positive[:100]!r}")
    if positive and router.task.type == router_pb2.TASK_TYPE_REGRESSION:
        problems.add("router.task.positive_label", "a regression has no labels")


def metrics(router: Router, problems: Problems) -> None:
    """Names, ranges and sources, and the reward of failures among them."""
    if len(router.metrics) > MOST_METRICS:
        problems.add("router.metrics", f"at most {MOST_METRICS}, got {len(router.metrics)}")
    seen: set[str] = set()
    for place, metric in enumerate(router.metrics):
        field = f"router.metrics[{place}]"
        if not 1 <= len(metric.name) <= LONGEST_METRIC:
            problems.add(f"{field}.name", f"1 to {LONGEST_METRIC} characters, got {len(metric.name)}")
        elif metric.name in seen:
            problems.add(f"{field}.name", f"{metric.name} is declared twice")
        seen.add(metric.name)
        _range(metric, field, problems)
        sources.check(metric, router.task.type, field, problems)
    sources.repeats(router, problems)
    _failure(router, problems)


def range_of(router: Router, name: str) -> tuple[float, float]:
    """Least and greatest value of a metric; 0 to 1 where the router does not say."""
    return next((_ends(metric) for metric in router.metrics if metric.name == name), (0.0, 1.0))


def _ends(metric: MetricSpec) -> tuple[float, float]:
    least = metric.min_value if metric.HasField("min_value") else 0.0
    return least, metric.max_value if metric.HasField("max_value") else 1.0


def _range(metric: MetricSpec, field: str, problems: Problems) -> None:
    least, greatest = _ends(metric)
    if not (math.isfinite(least) and math.isfinite(greatest) and least < greatest):
        end = "min_value" if math.isfinite(greatest) else "max_value"
        problems.add(f"{field}.{end}", f"min_value < max_value, both finite; got {least:g} and {greatest:g}")
    elif not sound_range(least, greatest):
        said = f"both ends within ±{FARTHEST_END:g}, apart by {NARROWEST_RANGE:g} of the greater one at least"
        problems.add(f"{field}.min_value", f"{said}; got {least:.12g} and {greatest:.12g}")
    # Truth is right or wrong: another range would count a right answer as something else than 1.
    if metric.name == "accuracy" and (least, greatest) != (0.0, 1.0):
        problems.add(f"{field}.min_value", f"accuracy is 0 to 1, got {least:g} to {greatest:g}")


def _failure(router: Router, problems: Problems) -> None:
    if not router.HasField("failure_reward"):
        return
    least, greatest = range_of(router, router.bandit.reward_metric or "accuracy")
    if not least <= router.failure_reward <= greatest:
        said = f"within the reward metric's range, {least:g} to {greatest:g}; got {router.failure_reward:g}"
        problems.add("router.failure_reward", said)
