"""The power of two choices: of two variants drawn at random, the one with the lower score."""

from services.router.strategies.state import Allocation, RoutingState


def allocate(state: RoutingState) -> Allocation:
    """The probability that a variant wins, exactly: drawn and picked from like any other allocation.

    Of k eligible variants each pair is drawn with probability 1 / C(k, 2), and a tie within a pair is tossed
    for; so variant i wins with probability (those that score higher + half of those that tie) / C(k, 2).
    A variant without a score has never been seen and scores 0: it is tried. Mitzenmacher, The power of two
    choices in randomized load balancing (2001).

    >>> from services.router.strategies.state import Candidate
    >>> abc = [Candidate("a"), Candidate("b"), Candidate("c")]
    >>> allocate(RoutingState(abc, scores={"a": 3, "b": 0, "c": 3}))
    (0.16666666666666666, 0.6666666666666666, 0.16666666666666666)
    """
    scores = {one.variant: state.scores.get(one.variant, 0.0) for one in state.candidates if one.eligible}
    pairs = len(scores) * (len(scores) - 1) / 2
    if not pairs:
        return tuple(float(one.eligible) for one in state.candidates)
    return tuple(
        _wins(scores[one.variant], list(scores.values())) / pairs if one.eligible else 0.0
        for one in state.candidates
    )


def _wins(mine: float, all_scores: list[float]) -> float:
    """Pairs that a score wins; its own tie with itself is not a pair."""
    higher = sum(other > mine for other in all_scores)
    ties = sum(other == mine for other in all_scores) - 1
    return higher + ties / 2
