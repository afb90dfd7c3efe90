"""Strategies: pure functions from state to an allocation, by the name that users know."""

from collections.abc import Callable

from services.router.strategies import (
    bandit,
    best_metric,
    canary,
    complexity,
    cost_aware,
    everyone,
    single,
    two_choices,
    uniform,
    weighted,
)
from services.router.strategies.state import Allocation, Candidate, RoutingState

Strategy = Callable[[RoutingState], Allocation]

STRATEGIES: dict[str, Strategy] = {
    "weighted": weighted.allocate,
    "round_robin": uniform.allocate,
    "random": uniform.allocate,
    "canary": canary.allocate,
    "feature_based": single.allocate,
    "bandit": bandit.allocate,
    "latency_based": two_choices.allocate,
    "least_loaded": two_choices.allocate,
    "shadow": single.allocate,
    "best_metric": best_metric.allocate,
    "cost_aware": cost_aware.allocate,
    "complexity": complexity.allocate,
    "ensemble": everyone.allocate,
}

# Allocated anew for each request, by the scores of the moment or of the request.
AT_THE_MOMENT = frozenset({"latency_based", "least_loaded", "complexity"})
# Of these, by how busy or slow the variants are: a share is of the moment, and says nothing of the request.
BY_LOAD = frozenset({"latency_based", "least_loaded"})

__all__ = ["AT_THE_MOMENT", "BY_LOAD", "STRATEGIES", "Allocation", "Candidate", "RoutingState", "Strategy"]
