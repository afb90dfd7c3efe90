"""Five arms and three kinds of request, whose truth fits on a page: estimates are as near, and intervals hold
it as often and are as long, as the moments of all thirty things that can happen say."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from services.feedback.offpolicy import ESTIMATORS
from services.feedback.offpolicy.intervals import interval
from tests.feedback.offpolicy.worlds import Chance, Floats, Logged, draw

# By kind of request: how often it comes; by kind and arm: what was logged, what is proposed, what is earned.
KINDS = np.array([0.5, 0.3, 0.2])
LOGGED = np.array([[40, 30, 15, 10, 5], [10, 20, 40, 20, 10], [20, 20, 20, 20, 20]]) / 100
PROPOSED = np.array([[5, 10, 15, 30, 40], [40, 30, 10, 10, 10], [0, 0, 0, 50, 50]]) / 100
RATES = np.array([[50, 60, 40, 30, 70], [20, 80, 50, 60, 40], [90, 10, 30, 55, 65]]) / 100
# 0.5 · 0.515 + 0.3 · 0.47 + 0.2 · 0.6: the sums of proposed times rates, by hand.
TRUTH = 0.5185
N, RUNS, CONFIDENCE, LARGE = 1000, 40, 0.95, 50_000
# Of the normal law, so far out once in 16,000; of counts and variances, beyond once in 10^5.
FAR, RARE = 4.0, 1e-5

# What can happen: [kind, arm, reward of 0 or 1], how often, and what it adds to each estimate of the truth.
REWARDS = np.array([0.0, 1.0])
CHANCES = (KINDS[:, None] * LOGGED)[..., None] * np.stack([1 - RATES, RATES], axis=-1)
WEIGHTS = (PROPOSED / LOGGED)[..., None]
BY_KIND = (PROPOSED * RATES).sum(axis=1)
PULLS = {
    "ips": WEIGHTS * REWARDS - TRUTH,
    "snips": WEIGHTS * (REWARDS - TRUTH),
    "doubly_robust": BY_KIND[:, None, None] - TRUTH + WEIGHTS * (REWARDS - RATES[..., None]),
}
VARIANCES = {name: float((CHANCES * pull**2).sum()) for name, pull in PULLS.items()}
# What arms earn is learnt here, each cell of 25 rewards and more in a thousand: a 25th more at the most.
LEARNT = {"ips": 1.0, "snips": 1.0, "doubly_robust": 1.04}


def log(chance: Chance, n: int) -> Logged:
    kinds = chance.choice(3, n, p=KINDS)
    arms = draw(chance, LOGGED[kinds])
    rewards = (chance.random(n) < RATES[kinds, arms]).astype(np.float64)
    return Logged(np.eye(3)[kinds][:, 1:], LOGGED[kinds], PROPOSED[kinds], arms, rewards, np.arange(n))


@cache
def runs() -> dict[str, Floats]:
    """By estimator, of each run its value and the ends of its interval: [RUNS, 3]."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in PULLS}
    for run in range(RUNS):
        sample = log(np.random.default_rng([19, run]), N).sample()
        for name, some in found.items():
            told = ESTIMATORS[name](sample)
            assert told.pull is not None
            some.append((told.value, *interval(told.value, told.pull, sample.units, CONFIDENCE)))
    return {name: np.array(some) for name, some in found.items()}


def test_the_truth_is_what_the_tables_say() -> None:
    assert float(KINDS @ BY_KIND) == pytest.approx(TRUTH, rel=1e-12)
    assert CHANCES.sum() == pytest.approx(1, rel=1e-12)
    assert {name: float((CHANCES * pull).sum()) for name, pull in PULLS.items()} == pytest.approx(
        dict.fromkeys(PULLS, 0.0), abs=1e-12
    )


def test_a_large_log_is_as_near_as_its_variance_says() -> None:
    sample = log(np.random.default_rng(23), LARGE).sample()
    for name, variance in VARIANCES.items():
        within = FAR * (variance * LEARNT[name] / LARGE) ** 0.5
        assert ESTIMATORS[name](sample).value == pytest.approx(TRUTH, abs=within), name


@pytest.mark.parametrize("name", PULLS)
def test_its_values_lie_around_the_truth_and_spread_as_they_should(name: str) -> None:
    values, variance = runs()[name][:, 0], VARIANCES[name] / N
    # The bias of a ratio is about its variance over n: far below the error of this mean.
    assert values.mean() == pytest.approx(TRUTH, abs=FAR * (variance / RUNS) ** 0.5)
    low, high = stats.chi2.ppf([RARE, 1 - RARE], RUNS - 1) / (RUNS - 1)
    assert low <= values.var(ddof=1) / variance <= high * LEARNT[name]


@pytest.mark.parametrize("name", PULLS)
def test_intervals_hold_the_truth_and_are_no_longer_than_that_takes(name: str) -> None:
    _, low, high = runs()[name].T
    held = int(((low <= TRUTH) & (high >= TRUTH)).sum())
    assert held >= stats.binom.ppf(RARE, RUNS, CONFIDENCE)
    # As intervals.py says, of the true moments: the variance, two of its own standard errors too large.
    doubt = (float((CHANCES * PULLS[name] ** 4).sum()) / VARIANCES[name] ** 2 - 1) / N
    error = (VARIANCES[name] / N * (1 + 2 * doubt**0.5)) ** 0.5
    wanted = 2 * stats.t.ppf((1 + CONFIDENCE) / 2, 2 / doubt) * error
    # A length varies by half of what its variance does, and this is the mean of many.
    assert (high - low).mean() == pytest.approx(
        wanted, rel=FAR * doubt**0.5 / 2 / RUNS**0.5 + LEARNT[name] - 1
    )
