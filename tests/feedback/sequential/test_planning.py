import math

import numpy as np
import pytest

from services.feedback.sequential import layout
from services.feedback.sequential.folding import fold, log_capital, start
from services.feedback.sequential.planning import expected_samples, fixed_sample, growth, power
from services.feedback.sequential.questions import Test
from services.feedback.sequential.seen import Floats
from tests.feedback.sequential.trials import Claim, World, trace

BINARY, MEAN = Test("binary"), Test("mean")


def after(test: Test, rate0: float, rate1: float, count: int, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    treated = rng.random(count) < 0.5
    values = (rng.random(count) < np.where(treated, rate1, rate0)).astype(float)
    return fold(test, start(test), treated, values, np.full(count, 0.5))


@pytest.mark.parametrize("test", [BINARY, MEAN], ids=["binary", "mean"])
def test_as_many_trials_are_over_as_power_says(test: Test) -> None:
    # What is known at the start is the baseline's rate; a trial of that many is decided as often as told.
    fresh = start(test)
    fresh[:4] = after(test, 0.9, 0.9, 20_000)[:4]
    (found,) = trace(np.random.default_rng(2), World(0.9, 0.95, 0.5), [Claim(test)], 300, 1800)
    # Four standard errors of the simulation, and as much for several bets that are taken for one.
    error = 8 * math.sqrt(0.25 / 300)
    for samples in (400, 800, 1200, 1800):
        said = power(test, fresh, 0.05, 0.5, 0.05, samples)
        assert said == pytest.approx(float((found.declared <= samples).mean()), abs=error)


def test_expected_samples_go_with_the_inverse_square_of_the_effect() -> None:
    state = start(BINARY)
    state[:4] = after(BINARY, 0.5, 0.5, 5000)[:4]
    near, far = (expected_samples(BINARY, state, effect, 0.5, 0.05) for effect in (0.05, 0.1))
    assert near is not None
    assert far is not None
    assert 3.0 < near / far < 5.0


def test_what_is_known_already_shortens_what_is_left() -> None:
    # Capital won on the way counts: the same rates, with and without it.
    ahead = after(MEAN, 0.8, 0.9, 200, seed=8)
    nothing = start(MEAN)
    nothing[:6] = ahead[:6]
    assert 0.0 < log_capital(MEAN, ahead) < math.log(20)
    left, whole = (expected_samples(MEAN, state, 0.1, 0.5, 0.05) for state in (ahead, nothing))
    assert left is not None
    assert whole is not None
    assert left < whole


def test_an_effect_within_the_margin_is_never_found() -> None:
    test = Test("mean", 0.05)
    state = after(test, 0.8, 0.8, 1000)
    assert expected_samples(test, state, 0.05, 0.5, 0.05) is None
    assert power(test, state, 0.05, 0.5, 0.05, 1e9) == 0.0
    assert expected_samples(test, state, 0.15, 0.5, 0.05) is not None


def test_an_effect_below_half_of_the_smallest_bet_is_never_found() -> None:
    state = after(BINARY, 0.5, 0.5, 1000)
    smallest = 0.04 * 0.25  # in log-odds of one half, as a difference of rates
    assert expected_samples(BINARY, state, 0.45 * smallest, 0.5, 0.05) is None
    assert expected_samples(BINARY, state, 0.6 * smallest, 0.5, 0.05) is not None


def test_nothing_is_expected_where_nothing_is_known_or_drawn() -> None:
    assert expected_samples(BINARY, start(BINARY), 0.1, 0.5, 0.05) is None
    state = after(BINARY, 0.5, 0.5, 100)
    assert expected_samples(BINARY, state, 0.1, 0.0, 0.05) is None
    assert power(BINARY, state, 0.1, 1.0, 0.05, 100) == 0.0
    assert power(BINARY, state, 0.1, 0.5, 0.05, 0) == 0.0


def test_what_is_declared_needs_nothing_more() -> None:
    state = after(BINARY, 0.2, 0.8, 1000)
    assert expected_samples(BINARY, state, 0.1, 0.5, 0.05) == 0.0
    assert power(BINARY, state, 0.1, 0.5, 0.05, 0) == 1.0


def test_power_grows_with_samples_from_nothing_to_certainty() -> None:
    state = after(BINARY, 0.9, 0.9, 500)
    told = [power(BINARY, state, 0.05, 0.5, 0.05, 10.0**k) for k in range(7)]
    assert told == sorted(told)
    assert told[0] < 0.01
    assert told[-1] == pytest.approx(1.0)
    assert math.isfinite(power(BINARY, state, 0.05, 0.5, 1e-300, 1e6))


def test_growth_is_greatest_on_equal_shares_and_needs_an_effect() -> None:
    rates = [growth(BINARY, 0.5, 0.55, share).max() for share in (0.01, 0.1, 0.5, 0.9)]
    assert max(rates) == rates[2]
    assert growth(BINARY, 0.5, 0.5, 0.5).max() < 0.0
    assert growth(BINARY, 0.55, 0.5, 0.5).max() < 0.0


def test_evidence_costs_about_what_a_fixed_sample_does() -> None:
    for base in (0.5, 0.9):
        for share in (0.1, 0.5):
            expected = math.log(20) / growth(BINARY, base, base + 0.02, share).max()
            assert expected < 1.3 * fixed_sample(base, base + 0.02, share, 0.05, 0.8)


def test_a_bet_that_lost_much_is_not_waited_for() -> None:
    # After 20,000 observations without an effect the great bets are gone; smaller ones find it sooner.
    state = after(BINARY, 0.5, 0.5, 20_000)
    told = expected_samples(BINARY, state, 0.1, 0.5, 0.05)
    assert told is not None
    rates = growth(BINARY, 0.5, 0.6, 0.5)
    fastest = int(rates.argmax())
    lacking = math.log(20 * BINARY.bets) - state[layout.BETS + fastest]
    assert told < 0.5 * lacking / rates[fastest]
    fresh = start(BINARY)
    fresh[:4] = state[:4]
    young = expected_samples(BINARY, fresh, 0.1, 0.5, 0.05)
    assert young is not None
    assert told > 3 * young
