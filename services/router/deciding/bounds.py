"""Least and most shares, and the growth of a newcomer: what is done to an allocation after the strategy."""

from collections.abc import Sequence
from typing import NamedTuple

from services.foundation.water_filling import fill
from services.router.strategies.state import Allocation

# A ramp's allocations: at most so many for each newcomer.
STEPS = 20
# Past every clock: 64 bits of nanoseconds.
NEVER = 2**63


def bounded(allocation: Allocation, eligible: Sequence[bool], floor: float, cap: float) -> Allocation:
    """The allocation with each eligible share in [floor, cap]; the others stay 0.

    The shares in between keep their proportions: each is clip(c p, floor, cap) for the one factor c that
    makes the sum 1. Where no such allocation exists (a floor above 1/k, a cap below it, since variants are
    out), the eligible ones share evenly, which is as near as can be.

    >>> bounded((0.875, 0.125, 0.0), (True, True, True), 0.0, 0.75)
    (0.75, 0.25, 0.0)
    """
    places = [place for place, able in enumerate(eligible) if able]
    if not places or not any(allocation) or _holds(allocation, places, floor, cap):
        return allocation
    even = 1 / len(places)
    if floor >= even or cap <= even:
        return tuple(even if able else 0.0 for able in eligible)
    shares = fill([allocation[place] for place in places], floor, cap)
    settled = dict(zip(places, shares, strict=True))
    return tuple(settled.get(place, 0.0) for place in range(len(allocation)))


def _holds(allocation: Allocation, places: Sequence[int], floor: float, cap: float) -> bool:
    return all(floor <= allocation[place] <= cap for place in places)


class Growth(NamedTuple):
    """How newcomers grow to their shares: linearly from `start` (a fraction) over `duration`, counted for
    each variant from `since`. Times in nanoseconds since 1970."""

    duration: int
    start: float
    since: tuple[int, ...]


def parts(growth: Growth, now: int) -> tuple[float, ...]:
    """The part of its share that each variant has reached, in STEPS equal steps.

    Steps, so that an allocation holds for a while, and a replay that knows the clock finds the same one.

    >>> parts(Growth(100, 0.0, (0, 50)), 79)
    (0.75, 0.25)
    """
    return tuple(growth.start + (1 - growth.start) * step / STEPS for step in _steps(growth, now))


def holds_until(growth: Growth, now: int) -> tuple[int, int]:
    """The span of time [from, to) around `now` in which the parts are the same; the future has no end once
    everybody is grown."""
    reached = list(zip(growth.since, _steps(growth, now), strict=True))
    before = [since + _from(step, growth) for since, step in reached if step > 0]
    after = [since + _from(step + 1, growth) for since, step in reached if step < STEPS]
    return max(before, default=0), min(after, default=NEVER)


def _from(step: int, growth: Growth) -> int:
    """The age at which a step begins: the least for which _steps gives it."""
    return -(-step * growth.duration // STEPS)


def _steps(growth: Growth, now: int) -> list[int]:
    return [min(STEPS, max(0, (now - since) * STEPS // growth.duration)) for since in growth.since]


def ramped(allocation: Allocation, grown: Sequence[float]) -> Allocation:
    """The allocation while variants have reached these parts of their shares. What a newcomer does not get
    yet goes to the others in proportion; where all are new together, nobody is held back.

    >>> ramped((0.5, 0.5), (1.0, 0.5))
    (0.6666666666666666, 0.3333333333333333)
    """
    masses = [share * part for share, part in zip(allocation, grown, strict=True)]
    total = sum(masses)
    return tuple(mass / total for mass in masses) if total > 0 else allocation
