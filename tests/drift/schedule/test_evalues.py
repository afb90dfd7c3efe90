"""E-values: the closed form against the integral, what they promise, and which of many are enough."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from services.drift.schedule.evalues import NEAR_ONE, calibrate, e_bh

TINY = math.exp(-NEAR_ONE)


@pytest.mark.parametrize("p", [1e-300, 1e-12, 1e-6, 0.01, 0.05, 0.3, 0.5, 0.9, 0.99, TINY, 0.9999, 1.0])
def test_the_closed_form_is_the_mean_over_kappa(p: float) -> None:
    # The integrand peaks at 1 / -ln p with a width of as much: the halves are told apart.
    middle = min(0.5, 2 / max(-math.log(p), 1e-9))
    mean = sum(
        quad(lambda k: k * p ** (k - 1), *part, epsabs=0, epsrel=1e-10)[0]
        for part in ((0, middle), (middle, 1))
    )
    assert calibrate(p) == pytest.approx(mean, rel=1e-8)


@pytest.mark.parametrize("side", [1 - 1e-9, 1 + 1e-9])
def test_both_formulas_agree_where_they_meet(side: float) -> None:
    assert calibrate(math.exp(-NEAR_ONE * side)) == pytest.approx(
        0.5 + NEAR_ONE / 6 + NEAR_ONE**2 / 24, rel=1e-8
    )


def test_its_mean_over_a_uniform_p_is_at_most_one() -> None:
    # Of p = e^-x: e(p) e^-x is (e^x (1 - e^-x - x e^-x) / x²) e^-x, whose tail beyond 700 is about 1/700.
    mean = quad(lambda x: calibrate(math.exp(-x)) * math.exp(-x), 0, 700, limit=500)[0]
    assert 1 - 2 / 700 < mean <= 1


@given(st.floats(0, 1), st.floats(0, 1))
def test_less_probable_is_more_evidence(p: float, q: float) -> None:
    assert calibrate(min(p, q)) >= calibrate(max(p, q)) * (1 - 1e-9)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate(p)


def test_a_p_of_zero_is_much_evidence_and_no_error() -> None:
    assert 1e290 < calibrate(0.0) < math.inf


@given(st.lists(st.floats(0, 1e6), max_size=30))
def test_it_rejects_as_its_definition_says(e_values: list[float]) -> None:
    """For the largest k with at least k values of m / (q k) or more, the k greatest."""
    count, fallen = len(e_values), e_bh(e_values, 0.05)
    ks = [k for k in range(1, count + 1) if sum(e * 0.05 * k >= count for e in e_values) >= k]
    greatest = sorted(e_values, reverse=True)[: max(ks, default=0)]
    assert (
        sorted((e for e, fell in zip(e_values, fallen, strict=True) if fell), reverse=True)[: len(greatest)]
        == greatest
    )
    assert sum(fallen) >= len(greatest)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=20), st.integers(0, 19), st.floats(0, 1e4))
def test_more_evidence_never_acquits(e_values: list[float], place: int, more: float) -> None:
    place %= len(e_values)
    before = e_bh(e_values, 0.05)
    after = e_bh([e + more * (index == place) for index, e in enumerate(e_values)], 0.05)
    assert all(late >= early for early, late in zip(before, after, strict=True))


def test_e_bh_keeps_the_false_discovery_rate_under_dependence() -> None:
    """Nulls that all share one p, beside five true effects: the worst case for what assumes independence."""
    rng = np.random.default_rng(20261122)
    shares = []
    for shared in rng.uniform(size=4_000):
        e_values = [calibrate(float(shared))] * 15 + [1e6] * 5
        fallen = e_bh(e_values, 0.05)
        shares.append(sum(fallen[:15]) / max(1, sum(fallen)))
    # A mean of 4,000 shares below 1: 0.05 and three standard errors of at most half / sqrt(4,000).
    assert float(np.mean(shares)) <= 0.05 + 3 * float(np.std(shares)) / 4_000**0.5
