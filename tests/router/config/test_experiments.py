"""Experiments as they are written: defaults, refusals on both sides of each limit, and advice."""

from collections.abc import Callable

import pytest
from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1.router_pb2 import Router

from services.router.config.defaults import with_defaults
from services.router.config.experiments import MOST_TREATMENTS, advice
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate

MODELS = [f"models/m{number}" for number in range(20)]
Change = Callable[[Router], object]


def compared(change: Change = lambda _: None, variants: int = 2) -> Router:
    """A weighted router with an experiment, defaults filled in after the change."""
    made = Router(variants=[{"model": name} for name in MODELS[:variants]])
    made.experiment.SetInParent()
    made.metrics.add(name="revenue", max_value=200, source=wire.METRIC_SOURCE_REWARD)
    change(made)
    return with_defaults(made)


def wrong(change: Change, variants: int = 2) -> set[str]:
    with pytest.raises(InvalidConfiguration) as raised:
        validate(compared(change, variants), MODELS)
    return {one.field.removeprefix("router.experiment.") for one in raised.value.fields}


def put(name: str, value: object) -> Change:
    return lambda router: setattr(router.experiment, name, value)


def guard(metric: str, **bounds: float) -> Change:
    return lambda router: router.experiment.guardrails.add(metric=metric, **bounds)


def test_every_default_is_echoed() -> None:
    given = compared().experiment
    assert (given.primary_metric, given.unit, given.alpha, given.min_samples) == (
        *("accuracy", "entity"),
        *(0.05, 100),
    )
    assert (given.min_effect, given.max_samples, given.label_horizon.seconds) == (0.0, 0, 3600)
    assert given.HasField("min_effect")
    assert given.HasField("max_samples")


@pytest.mark.parametrize(
    "change",
    [
        *(put("alpha", 1e-6), put("alpha", 0.5), put("unit", "prediction"), put("min_effect", 0.999)),
        *(
            put("min_samples", 0),
            put("min_samples", 10**9),
            put("max_samples", 100),
            put("max_samples", 10**9),
        ),
        *(put("primary_metric", "error_rate"), put("primary_metric", "revenue")),
        lambda router: router.experiment.label_horizon.FromSeconds(1),
        lambda router: router.experiment.label_horizon.FromSeconds(400 * 86_400),
        *(guard("error_rate", max_regression=0), guard("error_rate", max_value=0.5)),
        *(guard("latency_p95", max_value=250), guard("revenue", max_regression=199)),
        lambda router: router.random.SetInParent(),
        lambda router: router.bandit.SetInParent(),
    ],
)
def test_what_lies_within_the_limits_is_stored(change: Change) -> None:
    validate(compared(change), MODELS)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *((put("alpha", value), "alpha") for value in (0.0, 9e-7, 0.51, float("nan"))),
        *((put("min_effect", value), "min_effect") for value in (-0.1, 1.0, float("nan"), float("inf"))),
        *((put("min_samples", value), "min_samples") for value in (-1, 10**9 + 1)),
        *((put("max_samples", value), "max_samples") for value in (-1, 99, 10**9 + 1)),
        (put("unit", "customer"), "unit"),
        *((put("primary_metric", value), "primary_metric") for value in ("f1", "latency_p95", "sales")),
        (lambda router: router.experiment.label_horizon.FromMilliseconds(999), "label_horizon"),
        (lambda router: router.experiment.label_horizon.FromSeconds(400 * 86_400 + 1), "label_horizon"),
        (guard("error_rate"), "guardrails[0]"),
        (guard("error_rate", max_value=0.5, max_regression=0.1), "guardrails[0]"),
        (guard("latency_p95", max_regression=0.1), "guardrails[0].max_regression"),
        (guard("latency_p99", max_value=0), "guardrails[0].max_value"),
        (guard("revenue", max_regression=200), "guardrails[0].max_regression"),
        (guard("sales", max_regression=1), "guardrails[0].metric"),
        (guard("drift"), "guardrails"),
    ],
)
def test_what_lies_outside_is_refused_by_its_field(change: Change, field: str) -> None:
    assert field in wrong(change)


@pytest.mark.parametrize("strategy", ["round_robin", "latency_based", "least_loaded"])
def test_what_does_not_draw_cannot_be_compared(strategy: str) -> None:
    assert wrong(lambda router: getattr(router, strategy).SetInParent()) == {"router.experiment"}


def test_treatments_are_bounded() -> None:
    validate(compared(variants=MOST_TREATMENTS + 1), MODELS)
    assert wrong(lambda _: None, MOST_TREATMENTS + 2) == {"router.experiment"}


def test_there_is_one_baseline() -> None:
    def both(router: Router) -> None:
        for one in router.variants:
            one.role = wire.VARIANT_ROLE_BASELINE

    assert wrong(both) == {"router.variants"}


def test_a_canary_is_compared_in_what_promotes_it() -> None:
    def canary(router: Router) -> None:
        router.canary.baseline_model, router.canary.canary_model = "m0", "m1"
        router.canary.promotion_criteria.metric = "revenue"

    assert wrong(canary) == {"primary_metric"}
    both = compared(canary)
    both.experiment.primary_metric = "revenue"
    validate(both, MODELS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda router: router.MergeFrom(
                Router(stickiness={"enabled": True}, experiment={"unit": "prediction"})
            ),
            "unit is prediction, and the router is sticky",
        ),
        (lambda router: setattr(router.bandit, "exploration_rate", 0), "bandit without a floor"),
        (put("primary_metric", "revenue"), "reads revenue, which only RecordFeedback brings"),
        (lambda router: router.log.retention.FromSeconds(600), "feedback counts for 10 min"),
    ],
)
def test_what_is_rarely_meant_is_told(change: Change, said: str) -> None:
    assert any(said in one for one in advice(compared(change)))
    assert list(advice(compared())) == []
