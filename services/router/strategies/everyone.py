"""All are asked: nobody is drawn."""

from services.router.strategies.state import Allocation, RoutingState


def allocate(state: RoutingState) -> Allocation:
    """No share for anybody."""
    return (0.0,) * len(state.candidates)
