"""What a bandit does where its router does not say: the router writes it out, feedback obeys that."""

from collections.abc import Mapping

from turnout.router.v1 import strategy_pb2 as strategy

EXPLORATION_RATE = 0.1
# What a policy explores beside what it chooses. Change detection has to look at arms that it has given up, or
# their change is never seen; the others explore by themselves.
EXPLORATION: Mapping[int, float] = {
    strategy.BANDIT_ALGORITHM_UNSPECIFIED: EXPLORATION_RATE,
    strategy.BANDIT_ALGORITHM_EPSILON_GREEDY: EXPLORATION_RATE,
    strategy.BANDIT_ALGORITHM_THOMPSON_CHANGE_DETECTION: 0.02,
}
REWARD_METRIC = "accuracy"
REWARD_WINDOW = 1000
UCB_EXPLORATION = 2.0
DISCOUNT = 1.0
# Ten pulls cost little anywhere, and an arm that had them is no stranger to any policy.
BURN_IN, BURN_IN_FLOOR, BURN_IN_CAP = 10, 0.01, 0.5
PRIOR_REWARDS = 50
REWARD_DELAY_SECONDS = 3600.0
LINEAR_EXPLORATION, RIDGE = 1.0, 1.0


def exploration_of(algorithm: int) -> float:
    """The exploration rate of an algorithm where none is written."""
    return EXPLORATION.get(algorithm, 0.0)
