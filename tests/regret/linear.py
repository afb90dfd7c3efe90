"""The linear world of conformance/regret.json: rewards depend on the context, and on the arm how."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.feedback.measure import Measure
from services.feedback.policies.earned import UNITS
from services.feedback.policies.learning import Learning
from services.feedback.policies.lin_ucb import Regression, regress
from services.router.deciding.draw import Wheel
from services.router.strategies import bandit
from services.router.strategies.linear import Linear
from services.router.strategies.state import Candidate, RoutingState
from tests.regret.worlds import CASES

# Five normal variables weigh at most 1 together; none of 10⁶ rewards is outside.
LOW, HIGH = -7.0, 7.0
SPAN = HIGH - LOW


@dataclass(frozen=True)
class LinearLearner:
    """exploration: alpha, in the unit of the rewards. rate: share of draws that explore."""

    exploration: float
    rate: float = 0.0


# The references divide the context by √6 and have a ridge of 1: a ridge of 6 is the same.
RIDGE = 6.0
LEARNERS = {
    "linucb_a1": LinearLearner(1.0),
    "linucb_a0.5": LinearLearner(0.5),
    "lineps_0.1": LinearLearner(0.0, 0.1),
    "lin_greedy": LinearLearner(0.0),
    "uniform": LinearLearner(0.0, 1.0),
}
# What linear learners are measured in; it has learners of the same name as other worlds do.
MEASURE = Measure("reward", LOW, HIGH)


def simulate(learner: LinearLearner, runs: int, seed: int, steps: int | None = None) -> NDArray[np.float64]:
    """Cumulative pseudo-regret [step, run]."""
    rng = np.random.default_rng(seed)
    regrets = [_run(learner, rng, steps or CASES["lin_ctx"]["T"]) for _ in range(runs)]
    return np.cumsum(np.array(regrets).T, axis=0)


def _run(learner: LinearLearner, rng: np.random.Generator, steps: int) -> NDArray[np.float64]:
    case = CASES["lin_ctx"]
    theta, noise = np.array(case["theta"]), case["sd"]
    arms, width = theta.shape
    contexts = np.hstack([np.ones((steps, 1)), rng.standard_normal((steps, width - 1))])
    means = contexts @ theta.T / np.sqrt(width)
    seen = np.empty(steps, int)
    units = np.empty(steps)
    fitted = [Regression(0, RIDGE * np.eye(width), np.zeros(width)) for _ in range(arms)]
    names = [str(arm) for arm in range(arms)]
    learning = Learning("lin_ucb", linear_exploration=learner.exploration / SPAN)
    for step, context in enumerate(contexts):
        linear = Linear.solved(
            names,
            np.array([each.precision for each in fitted]),
            np.array([each.moment for each in fitted]),
            learning.linear_exploration,
            0.5,
        )
        parameters: dict[str, float | str] = {"exploration_rate": learner.rate}
        state = RoutingState(
            [Candidate(name) for name in names], parameters=parameters, scores=linear.scores(context)
        )
        arm = Wheel(bandit.allocate(state)).pick(float(rng.random()))
        reward = np.clip(rng.normal(means[step, arm], noise), LOW, HIGH)
        seen[step], units[step] = arm, MEASURE.units(float(reward)) / UNITS
        those = np.flatnonzero(seen[: step + 1] == arm)
        fitted[arm] = regress(contexts[those], units[those] - 0.5, RIDGE)
    return np.asarray(means.max(1) - means[np.arange(steps), seen])
