"""The allocation that feedback learnt, masked to the variants that may answer now."""

from services.router.strategies.state import Allocation, RoutingState, normalised


def allocate(state: RoutingState) -> Allocation:
    """Published probabilities, renormalised over the eligible variants.

    A variant that the learner has not yet seen gets an equal share: nobody has a reason to send it less, and
    without traffic it could never show what it is worth. Before the first publication everybody is new.
    """
    newcomer = 1 / len(state.candidates)
    return normalised([state.learnt.get(one.variant, newcomer) for one in state.candidates], state)
