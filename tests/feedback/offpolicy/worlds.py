"""Worlds whose truth is known: what a policy logs, and what another would earn."""

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.feedback.offpolicy.observed import Draw, observations
from services.feedback.offpolicy.regression import cross_fitted
from services.feedback.offpolicy.sample import Sample

Floats = NDArray[np.float64]
Chance = np.random.Generator


class Logged(NamedTuple):
    """n decisions: features [n, d], probabilities of the logged policy and of the proposal [n, arms], the arm
    drawn, what it earned, and the unit."""

    features: Floats
    logged: Floats
    proposed: Floats
    arms: NDArray[np.int64]
    rewards: Floats
    units: NDArray[np.int64]

    def sample(self) -> Sample:
        """What the estimators take."""
        rows, width = np.arange(len(self.arms)), self.logged.shape[1]
        expected = cross_fitted(self.features, self.arms, self.rewards, self.units, width)
        weights = self.proposed[rows, self.arms] / self.logged[rows, self.arms]
        return Sample(
            self.rewards,
            weights,
            self.units,
            expected[rows, self.arms],
            (expected * self.proposed).sum(axis=1),
        )


class World(NamedTuple):
    """`log` draws a log; `value` is what the proposal earns in truth, `logged` what was logged does."""

    log: Callable[[Chance], Logged]
    value: float
    logged: float


def softmax(scores: Floats, floor: float) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return np.asarray(floor + (1 - floor * scores.shape[1]) * shares)


def draw(chance: Chance, shares: Floats) -> NDArray[np.int64]:
    edges = shares.cumsum(axis=1)
    return np.asarray(np.minimum((chance.random((len(shares), 1)) > edges).sum(axis=1), shares.shape[1] - 1))


def plain(n: int, means: list[float], logged: list[float], proposed: list[float]) -> World:
    """Neither policy looks at the request."""
    rates, before, after = np.array(means), np.array(logged), np.array(proposed)

    def log(chance: Chance) -> Logged:
        arms = draw(chance, np.tile(before, (n, 1)))
        rewards = (chance.random(n) < rates[arms]).astype(np.float64)
        tiled = np.tile(before, (n, 1)), np.tile(after, (n, 1))
        return Logged(np.empty((n, 0)), *tiled, arms, rewards, np.arange(n))

    return World(log, float(after @ rates), float(before @ rates))


def contextual(n: int, base: float, heavy: bool = False, spread: float = 1.0) -> World:
    """Both look at three features, each at others; rewards depend on them in a way that no line fits."""
    coefficients = np.random.default_rng(7).normal(size=(3, 4, 3))

    def worlds(features: Floats) -> tuple[Floats, Floats, Floats]:
        mine, others, truth = (features @ each.T for each in coefficients)
        rates = 1 / (1 + np.exp(-(truth + np.sin(3 * features[:, :1]) + base)))
        return softmax(spread * mine, 0.03), softmax(spread * others, 0.0), rates

    def log(chance: Chance) -> Logged:
        features = chance.normal(size=(n, 3))
        before, after, rates = worlds(features)
        arms = draw(chance, before)
        earned = rates[np.arange(n), arms]
        if heavy:
            rewards = np.minimum(earned * chance.lognormal(0, 1, n), 20.0)
        else:
            rewards = (chance.random(n) < earned).astype(np.float64)
        return Logged(features, before, after, arms, rewards, np.arange(n))

    before, after, rates = worlds(np.random.default_rng(8).normal(size=(200_000, 3)))
    # The mean of a lognormal that is cut at 20 depends on its scale: it is drawn.
    if heavy:
        tails = np.random.default_rng(9).lognormal(0, 1, (len(rates), 1))
        rates = np.minimum(rates * tails, 20.0)
    return World(log, float((after * rates).sum(axis=1).mean()), float((before * rates).sum(axis=1).mean()))


def returning(units: int, most: int) -> World:
    """Units return by Zipf's law, are drawn anew each time, and are of one temper each."""
    before, after, rates = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.4, 0.45])
    ranks = np.arange(1, units + 1)
    visits = np.maximum(most / ranks, 1).astype(np.int64)

    def log(chance: Chance) -> Logged:
        who = np.repeat(ranks - 1, visits)
        n = len(who)
        temper = chance.uniform(-0.25, 0.25, units)[who]
        arms = draw(chance, np.tile(before, (n, 1)))
        rewards = (chance.random(n) < rates[arms] + temper).astype(np.float64)
        tiled = np.tile(before, (n, 1)), np.tile(after, (n, 1))
        return Logged(np.empty((n, 0)), *tiled, arms, rewards, who)

    return World(log, float(after @ rates), float(before @ rates))


def sticky(visits: int, horizon: float) -> World:
    """Entities by Zipf's law keep the arm of their first draw; the rewards of one arm come late. What is
    kept is what feedback keeps: of each entity the first draw, older than the horizon, that has a reward."""
    shares, after, rates = np.array([0.6, 0.4]), np.array([0.2, 0.8]), np.array([0.3, 0.45])

    def log(chance: Chance) -> Logged:
        who = np.minimum(chance.zipf(1.3, visits), 5000)
        held = (chance.random(5001) > shares[0]).astype(np.int64)
        temper = chance.uniform(-0.25, 0.25, 5001)
        delays = chance.exponential(np.array([20.0, 400.0])[held[who]])
        earned = (chance.random(visits) < rates[held[who]] + temper[who]).astype(np.float64)
        given = {"a": shares[0], "b": shares[1]}
        kept = observations(
            (
                Draw(
                    str(at),
                    at,
                    f"{who[at]}",
                    True,
                    "ab"[held[who[at]]],
                    given,
                    float(earned[at]) if at + delays[at] <= visits else None,
                    {},
                    {},
                )
                for at in range(int(visits - horizon))
            ),
            Counter(),
        ).draws
        n = len(kept)
        tiled = np.tile(shares, (n, 1)), np.tile(after, (n, 1))
        arms = np.array(["ab".index(one.variant) for one in kept])
        rewards = np.array([one.reward for one in kept], np.float64)
        return Logged(np.empty((n, 0)), *tiled, arms, rewards, np.arange(n))

    return World(log, float(after @ rates), float(shares @ rates))


def learning(n: int) -> World:
    """The logged policy learns as it goes: a greedy arm of the rewards so far, and a floor of 0.1 each."""
    rates, after = np.array([0.4, 0.5, 0.55]), np.array([0.1, 0.2, 0.7])

    def log(chance: Chance) -> Logged:
        sums, pulls = np.ones(3), np.full(3, 2.0)
        before = np.empty((n, 3))
        arms, rewards = np.empty(n, np.int64), np.empty(n)
        for at in range(n):
            if at % 50 == 0:
                shares = np.where((sums / pulls) == (sums / pulls).max(), 0.8, 0.1)
                shares /= shares.sum()
            before[at] = shares
            arms[at] = min(int(np.searchsorted(shares.cumsum(), chance.random())), 2)
            rewards[at] = chance.random() < rates[arms[at]]
            sums[arms[at]] += rewards[at]
            pulls[arms[at]] += 1
        return Logged(np.empty((n, 0)), before, np.tile(after, (n, 1)), arms, rewards, np.arange(n))

    return World(log, float(after @ rates), float("nan"))


SKEW, OTHER = [0.7, 0.2, 0.06, 0.04], [0.1, 0.2, 0.3, 0.4]
# Each with an effective sample size of 100 and more in most logs.
WORLDS: dict[str, Callable[[], World]] = {
    "weights, n = 1,000": partial(plain, 1000, [0.5, 0.6, 0.4, 0.55], SKEW, OTHER),
    "weights, n = 10,000": partial(plain, 10_000, [0.5, 0.6, 0.4, 0.55], SKEW, OTHER),
    "rare rewards": partial(plain, 20_000, [0.004, 0.006, 0.005, 0.008], [0.25] * 4, OTHER),
    "nearly certain rewards": partial(plain, 2000, [0.99, 0.98, 0.97, 0.995], SKEW, OTHER),
    "features, n = 600": partial(contextual, 600, 0.0),
    "features, n = 5,000": partial(contextual, 5000, 0.0),
    "features, steep": partial(contextual, 3000, -1.0, spread=2.0),
    "heavy tails": partial(contextual, 2000, 0.0, heavy=True),
    "units that return": partial(returning, 2000, 60),
    "sticky entities, labels late by arm": partial(sticky, 6000, 1200.0),
    "a learning logger": partial(learning, 2000),
}


@cache
def world(name: str) -> World:
    """One of them; to know its truth costs a moment."""
    return WORLDS[name]()
