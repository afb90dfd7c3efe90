"""Strategies: pure functions from state to an allocation, by the name that users know."""

from collections.abc import Callable

from services.router.strategies import bandit, canary, uniform, weighted
from services.router.strategies.state import Allocation, Candidate, RoutingState

Strategy = Callable[[RoutingState], Allocation]

STRATEGIES: dict[str, Strategy] = {
    "weighted": weighted.allocate,
    "round_robin": uniform.allocate,
    "random": uniform.allocate,
    "canary": canary.allocate,
    "bandit": bandit.allocate,
}

__all__ = ["STRATEGIES", "Allocation", "Candidate", "RoutingState", "Strategy"]
