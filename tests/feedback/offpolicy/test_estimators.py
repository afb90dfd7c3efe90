"""Estimators of a proposal's value: what they promise whatever the log is."""

import numpy as np
import pytest

from services.feedback.offpolicy import ESTIMATORS
from services.feedback.offpolicy.intervals import interval
from services.feedback.offpolicy.regression import cross_fitted
from services.feedback.offpolicy.sample import Sample
from services.feedback.offpolicy.support import effective_size, effective_units, unsupported
from tests.feedback.offpolicy.coverage import WANTED, covered
from tests.feedback.offpolicy.worlds import world

RUNS = 120
QUICK = [
    "weights, n = 1,000",
    "features, n = 600",
    "units that return",
    "sticky entities, labels late by arm",
    "nearly certain rewards",
]


@pytest.mark.parametrize("name", QUICK)
def test_intervals_hold_the_truth(name: str) -> None:
    """`make coverage` does the same on every world, two thousand times. Four standard errors of 120 runs are
    0.087."""
    found = covered(world(name), RUNS)
    assert found.evaluated == RUNS
    assert found.worst() >= WANTED - 4 * (WANTED * (1 - WANTED) / RUNS) ** 0.5


@pytest.mark.parametrize("estimate", ESTIMATORS.values(), ids=ESTIMATORS)
def test_the_logged_policy_evaluated_on_its_own_log_is_its_mean(estimate: object) -> None:
    log = world("weights, n = 1,000").log(np.random.default_rng(1))
    sample = log._replace(proposed=log.logged).sample()
    # The direct method alone goes by its model, whose error here is a thousandth.
    within = 0.01 if estimate is ESTIMATORS["direct_method"] else 0.004
    assert callable(estimate)
    assert estimate(sample).value == pytest.approx(sample.rewards.mean(), abs=within)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimate_is_near_the_truth_in_a_large_world(name: str) -> None:
    large = world("weights, n = 10,000")
    sample = large.log(np.random.default_rng(2)).sample()
    assert ESTIMATORS[name](sample).value == pytest.approx(large.value, abs=0.06)


def test_pulls_are_centred_and_tell_the_spread_of_the_value() -> None:
    place = world("weights, n = 1,000")
    samples = [place.log(np.random.default_rng([3, run])).sample() for run in range(200)]
    for estimate in ESTIMATORS.values():
        found = [estimate(sample) for sample in samples]
        pulls = [one.pull for one in found if one.pull is not None]
        if pulls:
            assert np.abs(np.mean(pulls, axis=1)).max() < 1e-12
            error = np.mean([pull.std() / len(pull) ** 0.5 for pull in pulls])
            # The spread of 200 values is known within a tenth (two standard errors).
            assert error == pytest.approx(np.std([one.value for one in found]), rel=0.2)


def test_better_knowledge_of_the_arms_makes_the_interval_shorter() -> None:
    sample = world("features, n = 5,000").log(np.random.default_rng(4)).sample()

    def width(name: str) -> float:
        found = ESTIMATORS[name](sample)
        assert found.pull is not None
        low, high = interval(found.value, found.pull, sample.units, 0.95)
        return high - low

    assert width("doubly_robust") < 0.9 * width("snips") < 0.9 * width("ips")


def test_units_that_return_count_once() -> None:
    """A hundred copies of one log tell no more than the log does."""
    sample = world("weights, n = 1,000").log(np.random.default_rng(5)).sample()
    found = ESTIMATORS["ips"](sample)
    assert found.pull is not None
    once = interval(found.value, found.pull, sample.units, 0.95)
    copies = interval(found.value, np.tile(found.pull, 100), np.tile(sample.units, 100), 0.95)
    assert copies == pytest.approx(once, rel=1e-9)
    assert effective_units(np.tile(sample.weights, 100), np.tile(sample.units, 100)) == pytest.approx(
        effective_size(sample.weights)
    )


def test_no_spread_makes_no_width() -> None:
    assert interval(0.5, np.zeros(10), np.arange(10), 0.95) == (0.5, 0.5)


def test_an_observation_has_no_part_in_what_is_expected_of_it() -> None:
    """One reward is changed: nothing changes where that unit itself is asked."""
    log = world("features, n = 600").log(np.random.default_rng(6))
    before = cross_fitted(log.features, log.arms, log.rewards, log.units, 4)
    changed = log.rewards.copy()
    changed[17] = 1 - changed[17]
    after = cross_fitted(log.features, log.arms, changed, log.units, 4)
    assert np.array_equal(before[17], after[17])
    assert not np.array_equal(before[18], after[18])


def test_an_arm_that_nobody_drew_is_expected_to_earn_the_mean() -> None:
    features, arms = np.empty((50, 0)), np.zeros(50, np.int64)
    rewards = np.linspace(0, 1, 50)
    found = cross_fitted(features, arms, rewards, np.arange(50), 2)
    assert np.allclose(found[:, 1], found[:, 0])


def test_support_is_missing_by_arm() -> None:
    logged = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert unsupported(logged, np.array([[0.8, 0.2], [0.0, 1.0]])).tolist() == [0.0, 0.1]


def test_weights_of_nothing_are_worth_nothing() -> None:
    assert effective_size(np.zeros(3)) == 0
    sample = Sample(np.ones(2), np.array([2.0, 0.0]), np.arange(2), np.zeros(2), np.zeros(2))
    assert effective_size(sample.weights) == 1
