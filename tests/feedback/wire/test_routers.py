import pytest
from google.protobuf.duration_pb2 import Duration
from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1 import strategy_pb2 as strategy

from services.feedback.measure import UNITS, Measure
from services.feedback.policies.learning import Learning
from services.feedback.wire.routers import rules_of
from tests.feedback.recorded import router


def test_a_bare_bandit_has_the_contracts_defaults() -> None:
    rules = rules_of(router())
    assert rules.learning == Learning("epsilon_greedy", 0.1, 0.0, 1.0)
    assert (rules.window, rules.overall, rules.horizon) == (1000, False, 30 * 86_400)
    assert rules.reward == Measure("accuracy", from_truth=True)
    assert rules.failure_units == 0


def test_what_a_bandit_declares_is_obeyed() -> None:
    declared = router()
    declared.bandit.exploration_rate, declared.bandit.reward_window = 0.0, 50
    declared.bandit.floor, declared.bandit.cap = 0.05, 0.8
    declared.bandit.window = strategy.REWARD_WINDOW_LAST_N_OVERALL
    declared.variants[1].enabled = False
    declared.log.retention.CopyFrom(Duration(seconds=3600))
    rules = rules_of(declared)
    assert rules.learning == Learning("epsilon_greedy", 0.0, 0.05, 0.8)
    assert (rules.window, rules.overall, rules.horizon) == (50, True, 3600)
    assert rules.enabled == {"a": True, "b": False}


@pytest.mark.parametrize(("seconds", "horizon"), [(2**62, 400 * 86_400), (-(2**62), 60), (-1, 60), (5, 60)])
def test_a_horizon_is_a_possible_time(seconds: int, horizon: float) -> None:
    declared = router()
    declared.log.retention.seconds = seconds
    assert rules_of(declared).horizon == horizon


def test_a_router_that_does_not_learn_still_has_a_reward() -> None:
    plain = router()
    plain.weighted.SetInParent()
    rules = rules_of(plain)
    assert rules.learning is None
    assert rules.reward.name == "accuracy"


def test_the_reward_metric_has_its_declared_range_and_direction() -> None:
    paid = router()
    paid.bandit.reward_metric = "loss"
    paid.metrics.add(name="loss", min_value=-1, max_value=9, direction=wire.DIRECTION_MINIMIZE)
    rules = rules_of(paid)
    assert rules.reward == Measure("loss", -1, 9, minimize=True)
    assert rules.failure_units == UNITS


@pytest.mark.parametrize(("declared", "units"), [(0.5, UNITS // 2), (-3.0, 0), (7.0, UNITS)])
def test_a_declared_reward_of_failure_is_held_within_the_range(declared: float, units: int) -> None:
    strict = router()
    strict.failure_reward = declared
    assert rules_of(strict).failure_units == units


def test_reported_accuracy_is_not_derived_from_truth() -> None:
    reported = router()
    reported.metrics.add(name="accuracy", source=wire.METRIC_SOURCE_REWARD)
    assert not rules_of(reported).reward.from_truth


@pytest.mark.parametrize("ends", [(2, 2), (0, 1e308), (0, 5e-324)])
def test_a_metric_without_a_proper_range_has_the_default_one(ends: tuple[float, float]) -> None:
    odd = router()
    odd.metrics.add(name="odd", min_value=ends[0], max_value=ends[1])
    assert rules_of(odd).measures["odd"] == Measure("odd")
