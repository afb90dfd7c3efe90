"""Picking from an allocation."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.deciding.draw import Counter, Wheel


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(any), st.floats(0, 1, exclude_max=True))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_nobody_without_probability_is_ever_picked(masses: list[float], u: float) -> None:
    total = sum(masses)
    allocation = [mass / total for mass in masses]
    assert allocation[Wheel(allocation).pick(u)] > 0


def test_the_edges_belong_to_the_next_variant() -> None:
    wheel = Wheel((0.25, 0.0, 0.75))
    assert [wheel.pick(u) for u in (0.0, 0.2499, 0.25, 1 - 2**-53)] == [0, 0, 2, 2]


def test_traffic_follows_the_allocation() -> None:
    """Counts of 20,000 seeded draws within 5 standard deviations of their expectation."""
    rng, draws, shares = random.Random(7), 20_000, (0.6, 0.3, 0.1)
    wheel, counts = Wheel(shares), [0, 0, 0]
    for _ in range(draws):
        counts[wheel.pick(rng.random())] += 1
    for count, share in zip(counts, shares, strict=True):
        assert abs(count - draws * share) <= 5 * (draws * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("members", [2, 3, 7, 64])
def test_round_robin_is_even_on_every_prefix(members: int) -> None:
    wheel, counter = Wheel((1 / members,) * members), Counter(random.Random(3))
    counts = [0] * members
    for _ in range(5 * members + 1):
        counts[wheel.pick(wheel.midpoint(counter.advance()))] += 1
        assert max(counts) - min(counts) <= 1


def test_counters_begin_at_different_phases() -> None:
    begun = {Counter(random.Random(seed)).advance() % 4 for seed in range(40)}
    assert begun == {0, 1, 2, 3}
