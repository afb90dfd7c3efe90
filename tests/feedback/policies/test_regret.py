"""Regret against reference runs of other implementations (data/regret.json), within their own noise.

Pseudo-regret is the sum over time of the best mean less the mean of the arm that was drawn. An implementation
run m times passes if |mean - reference| <= 4 sqrt(sd^2 / m + se^2). Runs stand side by side in arrays.
"""

import json
import math
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.feedback.policies import POLICIES
from services.feedback.policies.arms import Arms, Floats

CASES = json.loads((Path(__file__).parents[1] / "data" / "regret.json").read_text())["cases"]


def reference(case: str, algorithm: str = "eps_greedy_0.1") -> tuple[float, float, float]:
    """Mean, standard deviation and standard error of the reference's mean."""
    found = CASES[case]["algorithms"][algorithm]
    return found["mean"], found["sd"], found["se"]


class Memory:
    """Rewards of many runs of some arms: the last `window` of each arm, or all of them."""

    def __init__(self, runs: int, arms: int, window: int | None) -> None:
        self.rewards = np.zeros((runs, arms))
        self.sums = np.zeros((runs, arms))
        self._each = np.arange(runs)
        self._last = np.zeros((runs, arms, window)) if window else None

    def take(self, arm: NDArray[Any], reward: Floats) -> None:
        self.sums[self._each, arm] += reward
        if self._last is not None:
            place = self.rewards[self._each, arm].astype(int) % self._last.shape[-1]
            self.sums[self._each, arm] -= self._last[self._each, arm, place]
            self._last[self._each, arm, place] = reward
        self.rewards[self._each, arm] += 1

    def arms(self) -> Arms:
        kept = self.rewards if self._last is None else np.minimum(self.rewards, self._last.shape[-1])
        return Arms(kept, self.sums / np.maximum(kept, 1))


def regret(
    algorithm: str,
    means: Floats,
    *,
    runs: int,
    seed: int,
    window: int | None = None,
    delay: int = 0,
    rate: float = 0.1,
) -> float:
    """Mean pseudo-regret of `runs` learners on Bernoulli arms; `means` has a row per step."""
    rng = np.random.default_rng(seed)
    memory = Memory(runs, means.shape[1], window)
    late: deque[tuple[NDArray[Any], Floats]] = deque()
    lost = 0.0
    for now in means:
        shares = POLICIES[algorithm](memory.arms(), rate)
        arm = (rng.random((runs, 1)) >= np.cumsum(shares, 1)[:, :-1]).sum(1)
        lost += float((now.max() - now[arm]).mean())
        late.append((arm, (rng.random(runs) < now[arm]).astype(float)))
        if len(late) > delay:
            memory.take(*late.popleft())
    return lost


def within_noise(measured: float, runs: int, expected: tuple[float, float, float]) -> bool:
    mean, sd, se = expected
    return abs(measured - mean) <= 4 * math.sqrt(sd**2 / runs + se**2)


def test_epsilon_greedy_learns_the_three_arms_of_russo() -> None:
    case = CASES["bern3_russo"]
    means = np.tile(case["means"], (case["T"], 1))
    measured = regret("epsilon_greedy", means, runs=1000, seed=11)
    assert within_noise(measured, 1000, reference("bern3_russo")), measured


def test_epsilon_greedy_learns_with_rewards_a_thousand_steps_late() -> None:
    case = CASES["delay1000"]
    means = np.tile(case["means"], (case["T"], 1))
    measured = regret("epsilon_greedy", means, runs=100, seed=12, delay=case["delay"])
    assert within_noise(measured, 100, reference("delay1000")), measured


@pytest.mark.parametrize(("window", "algorithm"), [(None, "eps_greedy_0.1"), (1000, "armwin1000_eps_greedy")])
def test_a_window_per_arm_forgets_a_world_that_has_changed(window: int | None, algorithm: str) -> None:
    """Means (.7, .5, .3) become (.3, .5, .7) half way; lifetime means hardly notice, the window does."""
    means = np.repeat([[0.7, 0.5, 0.3], [0.3, 0.5, 0.7]], CASES["abrupt_half"]["T"] // 2, axis=0)
    measured = regret("epsilon_greedy", means, runs=100, seed=13, window=window)
    assert within_noise(measured, 100, reference("abrupt_half", algorithm)), measured


def test_the_check_notices_a_learner_that_does_not_learn() -> None:
    """Exploring always is the uniform policy: far outside the noise of the reference."""
    means = np.tile(CASES["bern3_russo"]["means"], (1000, 1))
    measured = regret("epsilon_greedy", means, runs=200, seed=14, rate=1.0)
    assert not within_noise(measured, 200, reference("bern3_russo"))
