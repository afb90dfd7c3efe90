"""Weighted rendezvous hashing: exact shares over entities, and minimal moves."""

import math
from functools import cache

import pytest
from scipy import stats

from services.router.deciding.rendezvous import key_of, keyed, pick, unit_hash
from services.router.strategies.state import Allocation
from tests.thorough import cases

COUNT = cases(10_000, 40_000)
ENTITIES = [f"customer-{number}" for number in range(COUNT)]
VARIANTS = ["a", "b", "c", "d"]


@cache
def _units(salt: str) -> list[str]:
    return [unit_hash(entity, key_of(salt)) for entity in ENTITIES]


def _picks(allocation: Allocation, salt: str = "salt") -> list[int]:
    keys = keyed(VARIANTS)
    return [pick(unit, keys, allocation) for unit in _units(salt)]


@pytest.mark.parametrize(
    "allocation", [(0.25, 0.25, 0.25, 0.25), (0.7, 0.2, 0.1, 0.0), (0.9, 0.05, 0.04, 0.01)]
)
@pytest.mark.parametrize("salt", ["one", "two", "three"])
def test_entities_split_as_the_allocation_says(allocation: Allocation, salt: str) -> None:
    """Chi-square over thousands of entities; at 1e-6 each, nine tests cry wolf once in 100,000 salts."""
    picks = _picks(allocation, salt)
    expected = [share * len(ENTITIES) for share in allocation if share > 0]
    seen = [picks.count(place) for place, share in enumerate(allocation) if share > 0]
    assert sum(seen) == len(ENTITIES)
    assert stats.chisquare(seen, expected).pvalue > 1e-6


def test_the_same_entity_gets_the_same_variant_and_another_salt_shuffles() -> None:
    allocation = (0.25,) * 4
    once, again, salted = _picks(allocation), _picks(allocation), _picks(allocation, "other")
    assert once == again
    same = sum(one == two for one, two in zip(once, salted, strict=True))
    # Independent salts agree on a quarter: binomial, five standard deviations.
    assert abs(same - COUNT / 4) < 5 * math.sqrt(COUNT * 0.25 * 0.75)


def test_a_growing_share_only_gains_entities_and_by_no_more_than_it_must() -> None:
    before, after = (0.5, 0.3, 0.2, 0.0), (0.45, 0.27, 0.28, 0.0)
    moved = [(one, two) for one, two in zip(_picks(before), _picks(after), strict=True) if one != two]
    assert {two for _, two in moved} == {2}
    # The mass that must move is 0.08 of all; five standard deviations of a binomial.
    assert abs(len(moved) - 0.08 * COUNT) < 5 * math.sqrt(COUNT * 0.08 * 0.92)


def test_a_variant_that_leaves_moves_only_its_own_entities() -> None:
    before, after = (0.4, 0.3, 0.2, 0.1), (0.5, 0.375, 0.0, 0.125)
    for one, two in zip(_picks(before), _picks(after), strict=True):
        assert two != 2
        assert one in (two, 2)


def test_nobody_is_picked_where_nobody_has_a_share() -> None:
    assert pick(unit_hash("x", key_of("y")), keyed(VARIANTS), (0.0,) * 4) == -1
