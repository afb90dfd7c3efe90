"""The same share for each eligible variant: round robin takes turns through it, random draws from it."""

from services.router.strategies.state import Allocation, RoutingState, normalised


def allocate(state: RoutingState) -> Allocation:
    """1/k for each of k eligible variants, whatever the weights."""
    return normalised([1.0] * len(state.candidates), state)
