"""A canary's rules: both sides of each limit, and the defaults that are echoed."""

from typing import Any

import pytest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router

from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate

MODELS = ["models/a", "models/b"]
CRITERIA = {"metric": "accuracy", "min_improvement": 0.01, "min_samples": 10}


def stored(**rules: Any) -> Router:
    given = Router(canary={"baseline_model": "a", "canary_model": "b", **rules})
    given.metrics.add(name="revenue", min_value=-10, max_value=90)
    return with_defaults(given)


def refused(**rules: Any) -> set[str]:
    with pytest.raises(InvalidConfiguration) as told:
        validate(stored(**rules), MODELS)
    return {field.removeprefix("router.canary.") for field, _ in told.value.fields}


def test_the_defaults_are_written_out() -> None:
    guardrails = [{"metric": "drift"}]
    canary = stored(promotion_criteria={"min_samples": 10}, guardrails=guardrails).canary
    validate(stored(promotion_criteria={"min_samples": 10}, guardrails=guardrails), MODELS)
    assert (canary.canary_percentage, canary.alpha, canary.auto) == (10, 0.05, True)
    assert (canary.evidence, canary.on_missing_data) == (strategy.EVIDENCE_ANYTIME_VALID, "hold")
    assert canary.label_horizon.ToSeconds() == 3600
    assert canary.promotion_criteria.metric == "accuracy"
    assert canary.guardrails[0].action == strategy.GUARDRAIL_ACTION_ROLLBACK


def test_with_steps_a_canary_begins_at_the_first() -> None:
    assert stored(steps=[{"percentage": 1}, {"percentage": 50}]).canary.canary_percentage == 1
    assert stored(steps=[{"percentage": 1}], canary_percentage=0).canary.canary_percentage == 0


@pytest.mark.parametrize(
    "rules",
    [
        {"steps": [{"percentage": 0.001}, {"percentage": 99.999}]},
        {"steps": [{"percentage": 1, "min_duration": "7776000s", "min_samples": 10**9}]},
        {"steps": [{"percentage": one} for one in range(1, 21)]},
        {"promotion_criteria": CRITERIA | {"min_improvement": 0, "min_samples": 0}},
        {"promotion_criteria": CRITERIA | {"metric": "revenue", "min_improvement": 99.9}},
        {"promotion_criteria": CRITERIA, "max_samples": 10},
        {"alpha": 1e-6},
        {"alpha": 0.5},
        {"label_horizon": "1s"},
        {"label_horizon": "34560000s"},
        {"evidence": "EVIDENCE_LITERAL"},
        {"guardrails": [{"metric": "error_rate", "max_value": 0.001}]},
        {"guardrails": [{"metric": "latency", "max_value": 0.5}]},
        {"guardrails": [{"metric": "accuracy", "max_regression": 0}]},
        {"guardrails": [{"metric": "revenue", "max_regression": 99.9}]},
        {"canary_percentage": 100, "auto": False, "max_samples": 1},
    ],
)
def test_the_ends_of_each_scale_are_on_it(rules: dict[str, Any]) -> None:
    validate(stored(**parsed(rules)), MODELS)


@pytest.mark.parametrize(
    ("rules", "fields"),
    [
        ({"steps": [{"percentage": 0}]}, {"steps[0].percentage"}),
        ({"steps": [{"percentage": 100}]}, {"steps[0].percentage"}),
        ({"steps": [{"percentage": float("nan")}], "canary_percentage": 1}, {"steps[0].percentage"}),
        ({"steps": [{"percentage": 5}, {"percentage": 5}]}, {"steps[1].percentage"}),
        ({"steps": [{"percentage": 1, "min_duration": "-1s"}]}, {"steps[0].min_duration"}),
        ({"steps": [{"percentage": 1, "min_duration": "7776001s"}]}, {"steps[0].min_duration"}),
        ({"steps": [{"percentage": 1, "min_samples": -1}]}, {"steps[0].min_samples"}),
        ({"steps": [{"percentage": 1, "min_samples": 10**9 + 1}]}, {"steps[0].min_samples"}),
        ({"steps": [{"percentage": one} for one in range(1, 22)]}, {"steps"}),
        ({"promotion_criteria": CRITERIA | {"metric": "f1"}}, {"promotion_criteria.metric"}),
        ({"promotion_criteria": CRITERIA | {"metric": "joy"}}, {"promotion_criteria.metric"}),
        ({"promotion_criteria": CRITERIA | {"metric": "latency"}}, {"promotion_criteria.metric"}),
        ({"promotion_criteria": CRITERIA | {"min_improvement": 1}}, {"promotion_criteria.min_improvement"}),
        (
            {"promotion_criteria": CRITERIA | {"min_improvement": -0.1}},
            {"promotion_criteria.min_improvement"},
        ),
        ({"promotion_criteria": CRITERIA | {"min_samples": -1}}, {"promotion_criteria.min_samples"}),
        ({"promotion_criteria": CRITERIA, "max_samples": 9}, {"max_samples"}),
        ({"max_samples": 0}, {"max_samples"}),
        ({"alpha": 0}, {"alpha"}),
        ({"alpha": 0.51}, {"alpha"}),
        ({"alpha": float("nan")}, {"alpha"}),
        ({"label_horizon": "0.5s"}, {"label_horizon"}),
        ({"label_horizon": "34560001s"}, {"label_horizon"}),
        ({"on_missing_data": "rollback"}, {"on_missing_data"}),
        ({"evidence": 7}, {"evidence"}),
        ({"guardrails": [{"metric": "error_rate"}]}, {"guardrails[0]"}),
        ({"guardrails": [{"metric": "cost", "max_value": 0.5}]}, {"guardrails[0].metric"}),
        ({"guardrails": [{"metric": "latency_p75", "max_value": 0.5}]}, {"guardrails[0].metric"}),
        ({"guardrails": [{"metric": "drift", "max_value": 1}]}, {"guardrails[0]"}),
        ({"guardrails": [{"metric": "accuracy", "max_value": 0.5}]}, {"guardrails[0].max_value"}),
        ({"guardrails": [{"metric": "revenue", "max_value": 50}]}, {"guardrails[0].max_value"}),
        ({"guardrails": [{"metric": "error_rate", "max_value": 0}]}, {"guardrails[0].max_value"}),
        ({"guardrails": [{"metric": "error_rate", "max_value": 1}]}, {"guardrails[0].max_value"}),
        ({"guardrails": [{"metric": "accuracy", "max_regression": 1}]}, {"guardrails[0].max_regression"}),
        ({"guardrails": [{"metric": "latency", "max_regression": 1}]}, {"guardrails[0].max_regression"}),
        (
            {"guardrails": [{"metric": "error_rate", "max_value": 0.1, "max_regression": 0}]},
            {"guardrails[0]"},
        ),
        ({"guardrails": [{"metric": "drift", "action": 9}]}, {"guardrails[0].action"}),
        ({"guardrails": [{"metric": "drift"}, {"metric": "drift"}]}, {"guardrails[1].metric"}),
        ({"guardrails": [{"metric": "drift"}] * 9}, {"guardrails"}),
        ({"canary_percentage": 100.1}, {"canary_percentage"}),
    ],
)
def test_what_is_off_a_scale_is_refused_by_its_name(rules: dict[str, Any], fields: set[str]) -> None:
    assert refused(**parsed(rules)) == fields


def test_bounds_are_told_in_words_that_people_use() -> None:
    with pytest.raises(InvalidConfiguration) as error:
        validate(stored(guardrails=[{"metric": "latency", "max_value": -1}, {"metric": "drifts"}]), MODELS)
    said = {one.field.rpartition("guardrails")[2]: one.description for one in error.value.fields}
    assert said["[0].max_value"] == "above 0, got -1"
    assert "latency_p99, drift, or a name" in said["[1].metric"]


def parsed(rules: dict[str, Any]) -> dict[str, Any]:
    """Durations as JSON has them, as parts of messages."""
    made = strategy.CanaryStrategy()
    for name, value in rules.items():
        if name == "label_horizon":
            made.label_horizon.FromJsonString(value)
        elif name == "steps":
            for step in value:
                added = made.steps.add(**{key: one for key, one in step.items() if key != "min_duration"})
                if "min_duration" in step:
                    added.min_duration.FromJsonString(step["min_duration"])
    return rules | {name: getattr(made, name) for name in ("label_horizon", "steps") if name in rules}
