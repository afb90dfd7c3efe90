import math

import numpy as np
import pytest

from services.feedback.sequential.display import Estimate, estimate, half_width, tightness
from services.feedback.sequential.folding import fold, log_evidence, start
from services.feedback.sequential.questions import Test
from services.feedback.sequential.seen import Flags, Floats

BINARY, MEAN = Test("binary"), Test("mean")


def observed(
    rng: np.random.Generator, count: int, share: float, rate0: float, rate1: float
) -> tuple[Flags, Floats, Floats]:
    treated = rng.random(count) < share
    values = (rng.random(count) < np.where(treated, rate1, rate0)).astype(float)
    return treated, values, np.full(count, share)


@pytest.mark.parametrize("test", [BINARY, MEAN], ids=["binary", "mean"])
def test_shares_that_change_with_the_rates_fool_the_means_and_nothing_else(test: Test) -> None:
    rng, state = np.random.default_rng(1), start(test)
    # Identical arms: 90 % right while the canary has a tenth of the traffic, 50 % while it has nine tenths.
    for share, rate in ((0.1, 0.9), (0.9, 0.5)):
        state = fold(test, state, *observed(rng, 5000, share, rate, rate))
    flipped = start(test)
    rng = np.random.default_rng(1)
    for share, rate in ((0.1, 0.9), (0.9, 0.5)):
        treated, values, shares = observed(rng, 5000, share, rate, rate)
        flipped = fold(test, flipped, treated, 1.0 - values, shares)
    told = estimate(test, state, 0.05)
    assert told.mean1 - told.mean0 < -0.3
    assert told.low < 0.0 < told.high
    assert abs(told.effect) < 0.05
    # Seeded; each is above ln 20 in one of twenty such trials.
    assert log_evidence(test, state) < math.log(20.0)
    assert log_evidence(test, flipped) < math.log(20.0)


def test_the_effect_lies_within_its_bounds_and_near_the_means() -> None:
    state = fold(BINARY, start(BINARY), *observed(np.random.default_rng(2), 20_000, 0.5, 0.9, 0.93))
    told = estimate(BINARY, state, 0.05)
    assert told.n0 + told.n1 == 20_000
    assert told.low < told.effect < told.high
    assert told.effect == pytest.approx(told.mean1 - told.mean0, abs=0.002)
    assert told.low > 0.0


def test_the_margin_is_not_subtracted_from_what_is_shown() -> None:
    some = observed(np.random.default_rng(3), 500, 0.5, 0.5, 0.6)
    with_margin = estimate(Test("mean", 0.2), fold(Test("mean", 0.2), start(Test("mean", 0.2)), *some), 0.05)
    assert with_margin == estimate(MEAN, fold(MEAN, start(MEAN), *some), 0.05)


def test_nothing_is_known_of_an_arm_without_observations() -> None:
    nobody = estimate(MEAN, start(MEAN), 0.05)
    assert (nobody.n0, nobody.n1, nobody.low, nobody.high) == (0, 0, -1.0, 1.0)
    assert math.isnan(nobody.mean0)
    assert math.isnan(nobody.effect)
    one = fold(MEAN, start(MEAN), np.array([True]), np.array([0.25]), np.array([0.5]))
    lonely = estimate(MEAN, one, 0.05)
    assert lonely.mean1 == 0.25
    assert math.isnan(lonely.effect)


def test_bounds_never_leave_what_an_effect_can_be() -> None:
    some = fold(MEAN, start(MEAN), np.array([True, False]), np.array([1.0, 0.0]), np.array([0.01, 0.01]))
    told = estimate(MEAN, some, 0.05)
    assert isinstance(told, Estimate)
    assert (told.low, told.high) == (-1.0, 1.0)
    assert told.effect == 1.0


def test_width_falls_with_observations_and_grows_with_variance() -> None:
    rho = tightness(0.05, 2000.0)
    assert half_width(4000, 0.25, rho, 0.05) < half_width(1000, 0.25, rho, 0.05)
    assert half_width(1000, 0.25, rho, 0.05) < half_width(1000, 1.0, rho, 0.05)
    assert half_width(1000, 0.25, rho, 0.05) < half_width(1000, 0.25, rho, 0.01)
