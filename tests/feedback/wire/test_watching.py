"""What a configuration asks of its arms, and with which share of alpha."""

import pytest
from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1.router_pb2 import Router

from services.feedback.evidence.plan import LABEL_HORIZON_SECONDS, Source, TestSpec, Watch
from services.feedback.evidence.reading import tests_of as asked_of
from services.feedback.wire.routers import rules_of
from tests.feedback import recorded


def compared(*others: str) -> Router:
    made = recorded.router()
    for name in others:
        made.variants.add(id=name, model=f"models/{name}")
    made.weighted.SetInParent()
    made.experiment.SetInParent()
    return made


def watch(router: Router) -> Watch:
    found = rules_of(router).watch
    assert found is not None
    return found


def test_nothing_is_asked_without_an_experiment() -> None:
    assert rules_of(recorded.router()).watch is None
    assert asked_of(rules_of(recorded.router())) == ()


def test_the_first_variant_is_the_baseline_unless_another_one_is() -> None:
    router = compared("c")
    assert watch(router).arms == ["a", "b", "c"]
    router.variants[1].role = wire.VARIANT_ROLE_BASELINE
    assert (watch(router).baseline, watch(router).treatments) == ("b", ["a", "c"])


def test_alpha_is_shared_by_treatments_directions_and_guardrails() -> None:
    router = compared("c")
    router.experiment.min_effect = 0.02
    router.experiment.guardrails.add(metric="error_rate", max_regression=0.01)
    router.experiment.guardrails.add(metric="latency_p95", max_value=200)
    assert watch(router).tests == [
        TestSpec("primary", "accuracy", "binary", 0.0, False, 0.0125),
        TestSpec("loss", "accuracy", "binary", 0.0, True, 0.0125 / 3),
        TestSpec("futility", "accuracy", "mean", -0.02, True, 0.025),
        TestSpec("guardrail:error_rate", "error_rate", "mean", 0.01, True, 0.0125 / 3),
        TestSpec("guardrail:latency_p95", "latency_p95<=200", "level", 1 - 0.95, True, 0.0125 / 3),
    ]


def test_margins_and_levels_are_shares_of_the_range() -> None:
    router = compared()
    router.metrics.add(name="revenue", min_value=-50, max_value=150, source=wire.METRIC_SOURCE_REWARD)
    router.metrics.add(
        name="delay", max_value=40, direction=wire.DIRECTION_MINIMIZE, source=wire.METRIC_SOURCE_REWARD
    )
    router.experiment.primary_metric = "revenue"
    router.experiment.guardrails.add(metric="delay", max_value=10)
    router.experiment.guardrails.add(metric="revenue", max_regression=20)
    found = {spec.name: spec for spec in watch(router).tests}
    assert found["primary"].kind == "mean"
    assert (found["guardrail:delay"].margin, found["guardrail:delay"].flip) == (0.25, True)
    assert found["guardrail:revenue"].margin == pytest.approx(0.1)
    assert watch(router).metrics["delay"].source is Source.FEEDBACK


def test_all_that_rolls_a_canary_back_shares_one_alpha() -> None:
    router = compared()
    router.ClearField("experiment")
    router.canary.baseline_model, router.canary.canary_model = "b", "a"
    router.canary.canary_percentage = 10
    router.canary.promotion_criteria.min_improvement = 0.01
    router.canary.guardrails.add(metric="error_rate", max_regression=0.01)
    router.canary.guardrails.add(metric="latency", max_value=300)
    router.canary.trial.number = 1
    router.canary.trial.state = 1  # type: ignore[assignment]
    found = {spec.name: spec.alpha for spec in watch(router).tests}
    assert found.pop("promotion") == 0.05
    assert sum(found.values()) == pytest.approx(0.05)
    assert len(set(found.values())) == 1
    router.canary.ClearField("promotion_criteria")
    assert sum(spec.alpha for spec in watch(router).tests) == pytest.approx(0.05)


def test_a_canary_asks_for_promotion_and_loss_beside_the_experiment() -> None:
    router = compared()
    router.canary.baseline_model, router.canary.canary_model = "b", "a"
    router.canary.canary_percentage = 10
    router.canary.promotion_criteria.min_improvement = 0.01
    router.canary.guardrails.add(metric="latency", max_value=300)
    router.canary.trial.number = 3
    router.canary.trial.state = 1  # type: ignore[assignment]
    router.canary.label_horizon.FromSeconds(7200)
    found = watch(router)
    assert (found.arms, found.trial, found.label_horizon) == (["b", "a"], 3, 7200.0)
    assert [spec.name for spec in found.tests] == ["promotion", "loss", "guardrail:latency", "primary"]
    assert found.tests[0] == TestSpec("promotion", "accuracy", "mean", 0.01, False, 0.05)
    assert found.metrics["latency<=300"].slo_ms == 300


def test_labels_are_waited_for_no_longer_than_feedback_counts() -> None:
    router = compared()
    assert watch(router).label_horizon == LABEL_HORIZON_SECONDS
    router.log.retention.FromSeconds(600)
    assert watch(router).label_horizon == 600
    router.default_deadline.FromSeconds(3)
    assert watch(router).settle == 8


def test_the_epoch_changes_with_what_evidence_is_about_and_with_nothing_else() -> None:
    router = compared()
    epoch = watch(router).epoch
    router.variants[0].weight, router.experiment.alpha, router.generation = 7, 0.01, 9
    assert watch(router).epoch == epoch
    others = [
        *(Router(experiment={"primary_metric": "error_rate"}), Router(experiment={"unit": "prediction"})),
        *(Router(stickiness={"salt": "again"}), Router(experiment={"min_effect": 0.1})),
        Router(variants=[{"id": "c", "model": "models/c"}]),
        Router(segments=[{"name": "tier", "expression": "attributes.tier"}]),
        Router(experiment={"guardrails": [{"metric": "error_rate", "max_regression": 0.1}]}),
    ]
    for other in others:
        changed = Router()
        changed.CopyFrom(router)
        changed.MergeFrom(other)
        assert watch(changed).epoch != epoch, other
