"""What every strategy promises, whoever adds the next one."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.strategies import STRATEGIES, Candidate, RoutingState, Strategy

PARAMETERS: Mapping[str, float | str] = {
    "baseline_model": "v0",
    "canary_model": "v1",
    "canary_percentage": 10.0,
    "variant": "v0",
    "metric": "accuracy",
    "min_samples": 100.0,
    "min_quality": 0.9,
    "small": "v0",
    "large": "v1",
    "threshold": 0.5,
}


def state_of(
    weights: list[float], enabled: list[bool], learnt: Mapping[str, float] | None = None
) -> RoutingState:
    candidates = [
        Candidate(f"v{i}", weight, on) for i, (weight, on) in enumerate(zip(weights, enabled, strict=True))
    ]
    return RoutingState(candidates, learnt or {}, PARAMETERS)


@st.composite
def states(draw: st.DrawFn) -> RoutingState:
    size = draw(st.integers(2, 8))
    weights = draw(st.lists(st.floats(0.01, 100), min_size=size, max_size=size))
    enabled = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    # The two that a canary names take part, so that somebody may be chosen by every strategy.
    enabled[draw(st.integers(0, 1))] = True
    learnt = draw(st.dictionaries(st.sampled_from([f"v{i}" for i in range(10)]), st.floats(0.01, 1)))
    return state_of(weights, enabled, learnt)


@pytest.mark.parametrize("allocate", STRATEGIES.values(), ids=STRATEGIES)
@given(state=states())
@settings(derandomize=True, max_examples=60, deadline=None)
def test_allocations_sum_to_one_and_give_nothing_to_whoever_may_not_answer(
    allocate: Strategy, state: RoutingState
) -> None:
    allocation = allocate(state)
    # An ensemble draws nobody, and whoever names its one variant has nobody where that one is out.
    named = {STRATEGIES["shadow"]: state.candidates[0].eligible, STRATEGIES["ensemble"]: False}
    assert sum(allocation) == pytest.approx(float(named.get(allocate, True)), abs=1e-12)
    assert all(share >= 0 for share in allocation)
    for one, share in zip(state.candidates, allocation, strict=True):
        assert one.eligible or share == 0


@pytest.mark.parametrize("allocate", STRATEGIES.values(), ids=STRATEGIES)
def test_nobody_eligible_means_nothing_for_anybody(allocate: Strategy) -> None:
    assert sum(allocate(state_of([1, 2], [False, False]))) == 0


def test_weighted_divides_by_the_total_of_the_enabled() -> None:
    allocation = STRATEGIES["weighted"](state_of([70, 30, 100], [True, True, False]))
    assert allocation == pytest.approx((0.7, 0.3, 0))


def test_a_weight_of_zero_gets_nothing() -> None:
    assert STRATEGIES["weighted"](state_of([0, 5], [True, True])) == (0.0, 1.0)


@pytest.mark.parametrize("name", ["round_robin", "random"])
def test_uniform_strategies_do_not_look_at_weights(name: str) -> None:
    assert STRATEGIES[name](state_of([90, 10], [True, True])) == (0.5, 0.5)


def test_a_canary_gets_its_percentage_whatever_the_weights() -> None:
    allocation = STRATEGIES["canary"](state_of([1, 99, 50], [True, True, True]))
    assert allocation == pytest.approx((0.9, 0.1, 0))


def test_without_its_canary_the_baseline_gets_everything() -> None:
    assert STRATEGIES["canary"](state_of([1, 1], [True, False])) == (1.0, 0.0)


def test_a_bandit_follows_what_was_learnt_and_shares_with_newcomers() -> None:
    learnt = {"v0": 0.9, "v1": 0.1}
    allocation = STRATEGIES["bandit"](state_of([1, 1, 1], [True, True, True], learnt))
    # Masses .9, .1 and 1/3 for the newcomer, over their sum 4/3.
    assert allocation == pytest.approx((0.675, 0.075, 0.25))


def test_a_bandit_that_has_learnt_nothing_is_uniform() -> None:
    assert STRATEGIES["bandit"](state_of([9, 1], [True, True])) == (0.5, 0.5)
