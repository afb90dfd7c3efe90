"""The allocation that feedback learnt, masked to the variants that may answer now; of a contextual bandit,
what its scores for the request make of it."""

from services.router.strategies.state import Allocation, RoutingState, normalised

# Scores of arms that are alike may differ in the last bits.
LEVEL = 1e-12


def allocate(state: RoutingState) -> Allocation:
    """Published probabilities, renormalised over the eligible variants.

    A variant that the learner has not yet seen gets an equal share: nobody has a reason to send it less, and
    without traffic it could never show what it is worth. Before the first publication everybody is new.
    """
    if state.scores:
        return _hopeful(state)
    newcomer = 1 / len(state.candidates)
    return normalised([state.learnt.get(one.variant, newcomer) for one in state.candidates], state)


def _hopeful(state: RoutingState) -> Allocation:
    """The greatest score has what exploration leaves; who has none yet has an equal share."""
    able = [one.variant for one in state.candidates if one.eligible]
    scored = [state.scores[variant] for variant in able if variant in state.scores]
    if not scored:
        return normalised([1.0] * len(state.candidates), state)
    best = {variant for variant in able if state.scores.get(variant, min(scored) - 1) >= max(scored) - LEVEL}
    rate = float(state.parameters.get("exploration_rate", 0.0))
    new = [variant for variant in able if variant not in state.scores]
    left = 1 - len(new) / len(able)
    shares = []
    for one in state.candidates:
        share = rate / len(able) + (1 - rate) * (one.variant in best) / len(best)
        shares.append(1 / len(able) if one.variant in new else left * share)
    return normalised(shares, state)
