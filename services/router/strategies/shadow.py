"""One serves; what the others would have said is asked beside it."""

from services.router.strategies.state import Allocation, RoutingState


def allocate(state: RoutingState) -> Allocation:
    """Everything to `primary`, also while its health is doubted: nobody else was asked to serve."""
    return tuple(float(one.variant == state.parameters["primary"]) for one in state.candidates)
