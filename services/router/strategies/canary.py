"""A fixed percentage to the new version, the rest to the one in service."""

from services.router.strategies.state import Allocation, RoutingState, normalised


def allocate(state: RoutingState) -> Allocation:
    """`canary_percentage` (0 to 100) for the variant `canary_model`, the rest for `baseline_model`.

    If only one of the two is eligible it gets everything; other variants get nothing.
    """
    share = float(state.parameters["canary_percentage"]) / 100
    masses = {state.parameters["canary_model"]: share, state.parameters["baseline_model"]: 1 - share}
    drawn = normalised([masses.get(one.variant, 0.0) for one in state.candidates], state)
    # A canary at 0 or 100 % whose counterpart is out: the one that is left serves.
    return (
        drawn if any(drawn) else normalised([float(one.variant in masses) for one in state.candidates], state)
    )
