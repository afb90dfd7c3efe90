"""Static split: weight over the total weight of the eligible variants."""

from services.router.strategies.state import Allocation, RoutingState, normalised


def allocate(state: RoutingState) -> Allocation:
    """The declared weights, renormalised.

    >>> from services.router.strategies.state import Candidate
    >>> allocate(RoutingState([Candidate("a", 70), Candidate("b", 30), Candidate("c", 50, eligible=False)]))
    (0.7, 0.3, 0.0)
    """
    return normalised([one.weight for one in state.candidates], state)
