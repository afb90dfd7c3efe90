"""What is refused of strategies that measure or look, and of what goes with any strategy: both sides of each
limit."""

from collections.abc import Callable

import pytest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate

MODELS = ("models/a", "models/b", "models/c")


def router(**how: object) -> Router:
    return Router(variants=[{"model": name} for name in MODELS], **how)  # type: ignore[arg-type]  # by field


def refused(given: Router) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as wrong:
        validate(with_defaults(given), MODELS)
    return {one.field: one.description for one in wrong.value.fields}


GOOD: dict[str, object] = {
    "latency_based": {"half_life": {"seconds": 1}},
    "least_loaded": {},
    "best_metric": {"metric": "f1", "min_value": 0.5, "min_samples": 1},
    "cost_aware": {"min_quality": 1.0, "min_samples": 1_000_000},
    "complexity": {"small": "a", "large": "models/b", "threshold": 1.0},
    "feature_based": {"rules": [{"condition": "amount > 1.0", "model": "a"}], "default_model": "b"},
}
SIDES: list[tuple[str, dict[str, object], dict[str, object], str]] = [
    (
        "latency_based",
        {"half_life": {"nanos": 100_000_000}},
        {"half_life": {"nanos": 99_000_000}},
        "half_life",
    ),
    ("latency_based", {"half_life": {"seconds": 3600}}, {"half_life": {"seconds": 3601}}, "half_life"),
    ("best_metric", {"metric": "cost"}, {"metric": "conversion"}, "metric"),
    ("best_metric", {"min_samples": 1}, {"min_samples": 0}, "min_samples"),
    ("best_metric", {"min_samples": 1_000_000}, {"min_samples": 1_000_001}, "min_samples"),
    ("best_metric", {"min_value": 0.0}, {"min_value": float("nan")}, "min_value"),
    (
        "best_metric",
        {"thresholds": [{"metric": "cost", "max_value": 1}]},
        {"thresholds": [{"metric": "price", "max_value": 1}]},
        "thresholds[0].metric",
    ),
    (
        "best_metric",
        {"thresholds": [{"metric": "cost", "min_value": 1, "max_value": 1}]},
        {"thresholds": [{"metric": "cost", "min_value": 1, "max_value": 0.9}]},
        "thresholds[0].max_value",
    ),
    (
        "best_metric",
        {"thresholds": [{"metric": "cost", "min_value": 1}]},
        {"thresholds": [{"metric": "cost"}]},
        "thresholds[0]",
    ),
    ("cost_aware", {"min_quality": 0.01}, {"min_quality": 0.0}, "min_quality"),
    ("cost_aware", {"min_quality": 1.0}, {"min_quality": 1.01}, "min_quality"),
    ("cost_aware", {"min_quality": 0.9, "metric": "f1"}, {"min_quality": 0.9, "metric": "cost"}, "metric"),
    ("complexity", {"small": "a", "large": "b"}, {"small": "a", "large": "d"}, "large"),
    ("complexity", {"small": "a", "large": "b"}, {"small": "a", "large": "models/a"}, "large"),
    (
        "complexity",
        {"small": "a", "large": "b", "threshold": 0.0},
        {"small": "a", "large": "b", "threshold": -0.1},
        "threshold",
    ),
    (
        "complexity",
        {"small": "a", "large": "b", "specialists": [{"variant": "c", "words": ["tort", "clause"]}]},
        {"small": "a", "large": "b", "specialists": [{"variant": "c", "words": ["tort", "tort"]}]},
        "specialists[0].words",
    ),
    (
        "complexity",
        {"small": "a", "large": "b", "specialists": [{"variant": "c", "words": ["tort", "clause"]}]},
        {"small": "a", "large": "b", "specialists": [{"variant": "c", "words": ["Tort", "clause"]}]},
        "specialists[0].words",
    ),
]


@pytest.mark.parametrize("name", GOOD)
def test_what_is_sound_is_accepted(name: str) -> None:
    validate(with_defaults(router(**{name: GOOD[name]})), MODELS)


@pytest.mark.parametrize(("name", "good", "bad", "field"), SIDES)
def test_both_sides_of_each_limit(
    name: str, good: dict[str, object], bad: dict[str, object], field: str
) -> None:
    validate(with_defaults(router(**{name: good})), MODELS)
    assert f"router.{name}.{field}" in refused(router(**{name: bad}))


@pytest.mark.parametrize(
    ("name", "good", "bad", "field"), [one for one in SIDES if one[0] != "feature_based"]
)
def test_the_same_of_a_policys_strategy(
    name: str, good: dict[str, object], bad: dict[str, object], field: str
) -> None:
    def policy(given: dict[str, object]) -> dict[str, object]:
        return {"policies": [{"name": "p", "condition": "true", "strategy": {name: given}}]}

    validate(with_defaults(router(**policy(good))), MODELS)
    assert f"router.policies[0].strategy.{name}.{field}" in refused(router(**policy(bad)))


def test_defaults_are_written_out() -> None:
    best = with_defaults(router(best_metric={})).best_metric
    assert (best.metric, best.min_samples) == ("accuracy", 100)
    assert with_defaults(router(latency_based={})).latency_based.half_life.seconds == 10
    assert with_defaults(router(complexity={})).complexity.threshold == 0.5
    given = with_defaults(
        router(
            stickiness={"enabled": True, "pin": True},
            ramp={"duration": {"seconds": 60}},
            bounds={},
            policies=[{"name": "p", "condition": "true", "strategy": {"cost_aware": {"min_quality": 0.9}}}],
        )
    )
    assert given.stickiness.pin_ttl.seconds == 7 * 86_400
    assert given.ramp.start == 0.1
    assert (given.bounds.floor, given.bounds.cap) == (0.0, 1.0)
    assert given.policies[0].enabled
    assert given.policies[0].strategy.cost_aware.min_samples == 100


OPTIONS: list[tuple[str, dict[str, object], dict[str, object], str]] = [
    ("stickiness", {"enabled": True, "salt": "s" * 128}, {"enabled": True, "salt": "s" * 129}, "salt"),
    ("stickiness", {"enabled": True, "pin": True}, {"pin": True}, "pin"),
    (
        "stickiness",
        {"enabled": True, "pin": True, "pin_ttl": {"seconds": 60}},
        {"enabled": True, "pin": True, "pin_ttl": {"seconds": 59}},
        "pin_ttl",
    ),
    ("ramp", {"duration": {"seconds": 1}}, {"duration": {"nanos": 1}}, "duration"),
    ("ramp", {"duration": {"seconds": 1}}, {"start": 0.5}, "duration"),
    ("ramp", {"duration": {"seconds": 1}, "start": 1.0}, {"duration": {"seconds": 1}, "start": 0.0}, "start"),
    ("bounds", {"floor": 1 / 3}, {"floor": 0.34}, "floor"),
    ("bounds", {"floor": 0.0}, {"floor": -0.01}, "floor"),
    ("bounds", {"cap": 1 / 3}, {"cap": 0.33}, "cap"),
    ("bounds", {"cap": 1.0}, {"cap": 1.01}, "cap"),
]


@pytest.mark.parametrize(("name", "good", "bad", "field"), OPTIONS)
def test_both_sides_of_what_goes_with_any_strategy(
    name: str, good: dict[str, object], bad: dict[str, object], field: str
) -> None:
    validate(with_defaults(router(**{name: good})), MODELS)
    assert f"router.{name}.{field}" in refused(router(**{name: bad}))


@pytest.mark.parametrize("name", ["canary", "feature_based", "ensemble"])
def test_who_says_itself_who_gets_what_has_no_bounds(name: str) -> None:
    parameters: dict[str, object] = {
        "canary": {"baseline_model": "a", "canary_model": "b"},
        "feature_based": GOOD["feature_based"],
        "ensemble": {},
    }
    assert "router.bounds" in refused(router(bounds={"floor": 0.1}, **{name: parameters[name]}))


def many(count: int) -> Callable[[str], list[str]]:
    return lambda letter: [f"{letter}{number}" for number in range(count)]


def test_both_sides_of_the_number_of_specialists_and_words() -> None:
    def complexity(specialists: int, words: int) -> Router:
        one = {"variant": "c", "words": many(words)("w")}
        return router(complexity={"small": "a", "large": "b", "specialists": [one] * specialists})

    validate(with_defaults(complexity(16, 1000)), MODELS)
    assert "router.complexity.specialists" in refused(complexity(17, 2))
    assert "router.complexity.specialists[0].words" in refused(complexity(1, 1001))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"min_value": 1.01}, "min_value"),
        ({"metric": "error_rate", "min_value": -0.01}, "min_value"),
        ({"metric": "latency_p95", "min_value": -1}, "min_value"),
        ({"thresholds": [{"metric": "f1", "min_value": 9}]}, "thresholds[0].min_value"),
        ({"thresholds": [{"metric": "recall", "max_value": -1}]}, "thresholds[0].max_value"),
        ({"thresholds": [{"metric": "cost", "max_value": -1}]}, "thresholds[0].max_value"),
    ],
)
def test_a_bound_that_nobody_could_keep_is_refused(given: dict[str, object], field: str) -> None:
    assert [*refused(router(best_metric=given))] == [f"router.best_metric.{field}"]


@pytest.mark.parametrize(
    "given",
    [
        {"min_value": 1},
        {"metric": "latency_p95", "min_value": 250},
        {"metric": "error_rate", "min_value": 0},
        {"thresholds": [{"metric": "log_loss", "min_value": 9}, {"metric": "f1", "max_value": 9}]},
    ],
)
def test_a_bound_that_somebody_can_keep_is_not(given: dict[str, object]) -> None:
    validate(with_defaults(router(best_metric=given)), MODELS)


COMPARING: list[tuple[dict[str, object], str]] = [
    ({"best_metric": {"metric": "cost"}}, "best_metric.metric"),
    ({"best_metric": {"thresholds": [{"metric": "cost", "max_value": 1}]}}, "best_metric.thresholds[0]"),
    ({"cost_aware": {"min_quality": 0.5}}, "cost_aware"),
]


def priced(*currencies: str) -> dict[str, Model]:
    """What the three models cost; nothing where it is empty."""
    return {
        name: Model(cost={"per_call": 1.0, "currency": currency}) if currency else Model()
        for name, currency in zip(MODELS, currencies, strict=True)
    }


def mixed(given: Router, models: dict[str, Model]) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as wrong:
        validate(with_defaults(given), models, models)
    return {one.field: one.description for one in wrong.value.fields}


@pytest.mark.parametrize(("given", "field"), COMPARING, ids=str)
def test_costs_of_several_currencies_are_not_compared(given: dict[str, object], field: str) -> None:
    models = priced("USD", "", "JPY")
    said = "compares costs, which needs one currency; got models/a in USD, models/c in JPY"
    assert mixed(router(**given), models) == {f"router.{field}": said}
    validate(with_defaults(router(**given)), MODELS, priced("JPY", "", "JPY"))
    without = router(**given)
    without.variants[2].enabled = False
    validate(with_defaults(without), MODELS, models)


@pytest.mark.parametrize(("given", "field"), COMPARING, ids=str)
def test_a_policys_costs_are_those_of_its_own_variants(given: dict[str, object], field: str) -> None:
    models, ruled = priced("USD", "USD", "JPY"), router()
    ruled.policies.add(name="p", condition="true", strategy={**given, "variants": ["a", "b"]})
    validate(with_defaults(ruled), MODELS, models)
    ruled.policies[0].strategy.variants.append("models/c")
    assert [*mixed(ruled, models)] == [f"router.policies[0].strategy.{field}"]
