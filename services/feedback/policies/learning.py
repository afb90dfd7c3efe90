"""How a router learns: the settings of its bandit as policies read them."""

from dataclasses import dataclass
from typing import NamedTuple

# What each policy explores beside what it chooses, where the router does not say. Change detection has to
# look at arms that it has given up, or their change is never seen.
EXPLORATION = {"epsilon_greedy": 0.1, "thompson_change_detection": 0.02}
UCB_EXPLORATION = 2.0
LIN_UCB_EXPLORATION = 1.0
RIDGE = 1.0


class Prior(NamedTuple):
    """What an arm starts with: at most `rewards` of what the arm `former` has earned, or else so many of
    `units` millionths of the range."""

    arm: str
    rewards: int
    units: int = 0
    former: str = ""


@dataclass(frozen=True, slots=True)
class Learning:
    """How a router learns.

    exploration_rate: share of traffic that goes to all arms alike; None for the policy's own default.
    floor, cap: bounds of the probability of every enabled arm. ucb_exploration: c in UCB's bonus
    sqrt(c ln t / n). reward_scale: standard deviation of one reward as a share of the range, for Gaussian
    posteriors; None where rewards tell it. discount: what a reward counts once the next one is there; 1 for
    no forgetting. burn_in, burn_in_floor, burn_in_cap: an arm with fewer pulls than burn_in, beside others
    that have them, gets at least burn_in_floor, and all such arms together at most burn_in_cap.
    cost_weight: reward, as a share of its range, that one unit of cost is worth. linear_exploration: alpha of
    LinUCB, ridge: its prior. features: its context, in order, each divided by its scale. priors: what arms
    start with. reward_delay: seconds that the reward of a draw is waited for.
    """

    algorithm: str = "epsilon_greedy"
    exploration_rate: float | None = None
    floor: float = 0.0
    cap: float = 1.0
    ucb_exploration: float = UCB_EXPLORATION
    reward_scale: float | None = None
    discount: float = 1.0
    burn_in: int = 10
    burn_in_floor: float = 0.01
    burn_in_cap: float = 0.5
    cost_weight: float = 0.0
    linear_exploration: float = LIN_UCB_EXPLORATION
    ridge: float = RIDGE
    features: tuple[str, ...] = ()
    scales: tuple[float, ...] = ()
    priors: tuple[Prior, ...] = ()
    reward_delay: float = 3600.0

    @property
    def exploring(self) -> float:
        """The share of traffic that explores."""
        if self.exploration_rate is None:
            return EXPLORATION.get(self.algorithm, 0.0)
        return self.exploration_rate

    @property
    def follows_draws(self) -> bool:
        """Whether draws change its allocation before their rewards are there."""
        return self.algorithm in ("ucb1", "ucb_tuned", "kl_ucb")

    @property
    def folds(self) -> bool:
        """Whether it looks at single rewards, in their order."""
        return self.changes or self.discount < 1 or bool(self.features)

    @property
    def changes(self) -> bool:
        """Whether it starts again when rewards change."""
        return self.algorithm == "thompson_change_detection"
