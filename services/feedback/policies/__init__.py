"""Bandit policies by the name of their algorithm. Each is pure and exports
`allocate(arms, exploration_rate)`, from what eligible arms earned to the probability of each; what is common
to all of them is in `allocation`."""

from collections.abc import Callable, Mapping

from services.feedback.policies import epsilon_greedy
from services.feedback.policies.arms import Arms, Floats

Policy = Callable[[Arms, float], Floats]

POLICIES: Mapping[str, Policy] = {"epsilon_greedy": epsilon_greedy.allocate}
