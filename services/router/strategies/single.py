"""One variant answers: the primary of a shadow router, or whom a rule names."""

from services.router.strategies.state import Allocation, RoutingState, normalised


def allocate(state: RoutingState) -> Allocation:
    """Everything to the variant of the parameter `variant`, nothing where it may not answer."""
    chosen = state.parameters["variant"]
    return normalised([float(one.variant == chosen) for one in state.candidates], state)
