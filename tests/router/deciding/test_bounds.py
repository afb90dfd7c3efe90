"""What is done to an allocation after the strategy."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from services.router.deciding.bounds import NEVER, STEPS, Growth, bounded, holds_until, parts, ramped
from services.router.strategies.state import Allocation

RNG = np.random.default_rng(7)


def _allocations() -> Iterator[tuple[Allocation, tuple[bool, ...], float, float]]:
    for _ in range(300):
        count = int(RNG.integers(2, 9))
        able = RNG.random(count) < 0.8
        if not able.any():
            able[0] = True
        masses = np.where(able & (RNG.random(count) < 0.7), RNG.random(count) ** 4, 0.0)
        if masses.sum() == 0:
            masses[np.flatnonzero(able)[0]] = 1.0
        even = 1 / able.sum()
        yield (
            tuple(masses / masses.sum()),
            tuple(able.tolist()),
            float(RNG.random() * even),
            float(even + RNG.random() * (1 - even)),
        )


def test_every_eligible_share_lies_within_the_bounds_and_the_sum_is_one() -> None:
    for allocation, able, floor, cap in _allocations():
        shares = bounded(allocation, able, floor, cap)
        assert sum(shares) == pytest.approx(1, abs=1e-9)
        for share, one in zip(shares, able, strict=True):
            assert (floor - 1e-12 <= share <= cap + 1e-9) if one else share == 0


def test_shares_between_the_bounds_keep_their_proportions() -> None:
    for allocation, able, floor, cap in _allocations():
        shares = bounded(allocation, able, floor, cap)
        free = [
            share / before
            for share, before in zip(shares, allocation, strict=True)
            if before > 0 and floor + 1e-9 < share < cap - 1e-9
        ]
        assert not free or max(free) == pytest.approx(min(free), rel=1e-9)


@pytest.mark.parametrize("tiny", [1e-20, 1e-40, 1e-300, 5e-324])
def test_shares_of_any_span_keep_their_proportions(tiny: float) -> None:
    """Next to the smallest share, halving the range of factors a fixed number of times finds nothing."""
    shares = bounded((1.0, 2e-5, 1e-5, tiny), (True,) * 4, 0.0, 0.4)
    assert shares == pytest.approx((0.4, 0.4, 0.2, 0.2e5 * tiny), rel=1e-4, abs=0)
    shares = bounded((1.0, 2 * tiny, tiny, 0.0), (True,) * 4, 0.0, 0.7)
    assert shares == pytest.approx((0.7, 0.2, 0.1, 0.0), rel=1e-9)
    shares = bounded((1.0, 3e-5, 1e-5, tiny), (True,) * 4, 0.1, 0.5)
    assert shares == pytest.approx((0.5, 0.3, 0.1, 0.1), rel=1e-9)


def test_an_allocation_within_its_bounds_is_left_alone() -> None:
    allocation = (0.1, 0.6, 0.3)
    assert bounded(allocation, (True,) * 3, 0.1, 0.6) is allocation


def test_nobody_has_anything_where_nobody_may_be_chosen() -> None:
    assert bounded((0.0, 0.0), (False, False), 0.1, 0.9) == (0.0, 0.0)


@pytest.mark.parametrize(("floor", "cap"), [(0.6, 1.0), (0.0, 0.4), (0.5, 0.5)])
def test_bounds_that_cannot_hold_share_evenly(floor: float, cap: float) -> None:
    assert bounded((0.9, 0.1, 0.0), (True, True, False), floor, cap) == (0.5, 0.5, 0.0)


def _shares(*ages: int, allocation: Allocation = (0.5, 0.5), start: float = 0.1) -> Allocation:
    growth = Growth(100, start, (0, *(1_000 - age for age in ages)))
    return ramped(allocation, parts(growth, 1_000))


def test_a_newcomer_grows_linearly_to_its_share() -> None:
    shares = [_shares(age)[1] for age in (0, 25, 50, 75, 100, 1_000)]
    assert shares[0] == pytest.approx(0.05 / 0.55)
    assert shares[2] == pytest.approx(0.55 / 1.55)
    assert all(one < two for one, two in pairwise(shares[:5]))
    assert shares[4] == shares[5] == 0.5


def test_variants_that_are_new_together_are_not_held_back() -> None:
    assert ramped((0.7, 0.3), (0.2, 0.2)) == pytest.approx((0.7, 0.3))
    assert ramped((0.7, 0.3), (0.0, 0.0)) == (0.7, 0.3)


def test_a_clock_that_ran_backwards_only_delays_growth() -> None:
    assert _shares(-50) == _shares(0)
    assert _shares(-50, allocation=(0.0, 1.0), start=0.01) == (0.0, 1.0)


@pytest.mark.parametrize("duration", [1, 7, 20, 999, 10**9 + 7, 3600 * 10**9])
def test_the_parts_hold_for_as_long_as_they_are_said_to(duration: int) -> None:
    """On either side of both ends, for newcomers of different ages; and a ramp has at most so many."""
    since = tuple(int(age) for age in RNG.integers(0, duration + 1, 3))
    growth, now, changes = Growth(duration, 0.1, since), 0, 0
    while now < max(since) + duration:
        least, end = holds_until(growth, now)
        assert least <= now < end
        assert parts(growth, least) == parts(growth, now) == parts(growth, end - 1) != parts(growth, end)
        now, changes = end, changes + 1
    assert changes <= 3 * STEPS
    assert holds_until(growth, now)[1] == NEVER
    assert parts(growth, now) == (1.0, 1.0, 1.0)
