"""The power of two choices: the allocation is what drawing two and taking the better one does."""

import random
from itertools import combinations

import pytest

from services.router.strategies import two_choices
from services.router.strategies.state import Candidate, RoutingState


def _state(scores: dict[str, float]) -> RoutingState:
    return RoutingState([Candidate(name) for name in "abcdef"[: len(scores)]], scores=scores)


def _by_counting(scores: dict[str, float]) -> list[float]:
    """Wins over all pairs, a tie being half a win for each."""
    wins: dict[str, float] = dict.fromkeys(scores, 0.0)
    pairs = list(combinations(scores, 2))
    for one, two in pairs:
        if scores[one] == scores[two]:
            wins[one] += 0.5
            wins[two] += 0.5
        else:
            wins[min(one, two, key=scores.__getitem__)] += 1
    return [wins[name] / len(pairs) for name in scores]


@pytest.mark.parametrize("seed", range(40))
def test_the_allocation_counts_the_pairs_that_a_variant_wins(seed: int) -> None:
    rng = random.Random(seed)
    scores = {name: float(rng.randrange(4)) for name in "abcdef"[: rng.randrange(2, 7)]}
    allocation = two_choices.allocate(_state(scores))
    assert allocation == pytest.approx(_by_counting(scores))
    assert sum(allocation) == pytest.approx(1)


def test_the_busiest_of_many_gets_nothing_and_of_equals_everybody_the_same() -> None:
    assert two_choices.allocate(_state({"a": 9, "b": 1, "c": 2}))[0] == 0
    assert two_choices.allocate(_state({"a": 3, "b": 3, "c": 3, "d": 3})) == (0.25,) * 4


def test_what_has_never_been_seen_is_tried() -> None:
    state = RoutingState([Candidate("a"), Candidate("b")], scores={"a": 12.0})
    assert two_choices.allocate(state) == (0.0, 1.0)


def test_only_one_left_gets_everything_and_nobody_nothing() -> None:
    alone = RoutingState([Candidate("a", eligible=False), Candidate("b")], scores={"a": 0.0, "b": 99.0})
    assert two_choices.allocate(alone) == (0.0, 1.0)
    assert two_choices.allocate(RoutingState([Candidate("a", eligible=False)])) == (0.0,)
