"""Metrics whose values nobody reports: what they may be, and what is said of what they may not."""

import pytest
from turnout.router.v1 import router_pb2 as wire

from services.router.config.defaults import with_defaults
from services.router.config.measures import metrics
from services.router.config.problems import InvalidConfiguration, Problems

LESS = wire.DIRECTION_MINIMIZE
TRUTH, CEL, LATENCY = wire.METRIC_SOURCE_TRUTH, wire.METRIC_SOURCE_CEL, wire.METRIC_SOURCE_LATENCY


def said_of(router: wire.Router) -> dict[str, str]:
    """What is wrong, by field."""
    problems = Problems()
    metrics(router, problems)
    with pytest.raises(InvalidConfiguration) as caught:
        problems.settle()
    return {one.field: one.description for one in caught.value.fields}


def right(router: wire.Router) -> None:
    problems = Problems()
    metrics(router, problems)
    problems.settle()


@pytest.mark.parametrize(
    "metric",
    [
        wire.MetricSpec(name="accuracy", source=TRUTH),
        wire.MetricSpec(name="log_loss", source=TRUTH, max_value=5, direction=LESS),
        wire.MetricSpec(name="squared_error", source=TRUTH, max_value=100, direction=LESS),
        wire.MetricSpec(name="slow", source=LATENCY, max_value=500, direction=LESS),
        wire.MetricSpec(name="price", source=wire.METRIC_SOURCE_COST, max_value=0.5, direction=LESS),
        wire.MetricSpec(name="near", source=CEL, expression="truth - answer < 2.0"),
        wire.MetricSpec(name="sure", source=CEL, expression="probabilities['yes']"),
        wire.MetricSpec(name="rich", source=CEL, expression="features['amount'] > 3.0 && truth == answer"),
    ],
    ids=lambda metric: metric.name,
)
def test_metrics_that_can_be_derived_are_taken(metric: wire.MetricSpec) -> None:
    right(wire.Router(metrics=[metric]))


@pytest.mark.parametrize(
    ("metric", "field", "said"),
    [
        (
            wire.MetricSpec(name="recall", source=TRUTH),
            "name",
            "what truth yields is one of accuracy, log_loss",
        ),
        (wire.MetricSpec(name="f1", source=TRUTH), "name", "cannot be credited to one prediction"),
        (wire.MetricSpec(name="log_loss", source=TRUTH, direction=LESS), "max_value", "what counts as worst"),
        (wire.MetricSpec(name="slow", source=LATENCY, max_value=9), "direction", "less of it is better"),
        (
            wire.MetricSpec(name="accuracy", source=TRUTH, direction=LESS),
            "direction",
            "more accuracy is better, so DIRECTION_MAXIMIZE",
        ),
        (wire.MetricSpec(name="e", source=CEL), "expression", "is needed: a number or a truth of truth"),
        (wire.MetricSpec(name="e", source=CEL, expression="1 +"), "expression", "is no CEL"),
        (wire.MetricSpec(name="e", source=CEL, expression="nobody > 1"), "expression", "speaks of nobody"),
        (
            wire.MetricSpec(name="e", source=CEL, expression="[1].all(x, x > 0)"),
            "expression",
            "comprehensions such as all",
        ),
        (wire.MetricSpec(name="e", source=CEL, expression="'a'"), "expression", "never has a value"),
        (wire.MetricSpec(name="e", source=CEL, expression="1" * 1025), "expression", "at most 1024 bytes"),
        (wire.MetricSpec(name="e", expression="1"), "expression", "is for source METRIC_SOURCE_CEL only"),
        (wire.MetricSpec(name="e", source=77), "source", "one of those that exist"),  # type: ignore[arg-type]
    ],
)
def test_others_are_refused_with_the_reason(metric: wire.MetricSpec, field: str, said: str) -> None:
    found = said_of(wire.Router(metrics=[metric]))
    assert said in found[f"router.metrics[0].{field}"]


def test_f1_is_a_metric_of_texts() -> None:
    texts = wire.Router(metrics=[wire.MetricSpec(name="f1", source=TRUTH)])
    texts.task.type = wire.TASK_TYPE_GENERATION
    right(texts)


def test_reports_add_up_only_where_the_range_holds_nothing_at_all() -> None:
    router = wire.Router(feedback_repeats=wire.FEEDBACK_REPEATS_SUM)
    router.metrics.add(name="stars", min_value=1, max_value=5)
    assert "where reports add up; got 1" in said_of(router)["router.metrics[0].min_value"]
    router.metrics[0].min_value = 0
    right(router)


def test_the_default_is_to_replace() -> None:
    assert with_defaults(wire.Router()).feedback_repeats == wire.FEEDBACK_REPEATS_REPLACE


@pytest.mark.parametrize(
    "ends", [(0, 1e308), (-1.7e308, 1.7e308), (0, 5e-324), (0, 1.1e12), (1e11, 1e11 + 1)]
)
def test_a_range_that_cannot_be_reckoned_with_is_refused(ends: tuple[float, float]) -> None:
    """One of 1e308 was accepted once: its square took the feedback service down."""
    router = wire.Router()
    router.metrics.add(name="worth", min_value=ends[0], max_value=ends[1])
    assert "both ends within" in said_of(router)["router.metrics[0].min_value"]


@pytest.mark.parametrize("ends", [(0, 1e12), (-1e12, 1e12), (0, 1e-9), (1e11, 1e11 + 101)])
def test_a_range_at_the_limits_is_taken(ends: tuple[float, float]) -> None:
    router = wire.Router()
    router.metrics.add(name="worth", min_value=ends[0], max_value=ends[1])
    right(router)
