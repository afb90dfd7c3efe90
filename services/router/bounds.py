"""Least and most shares, and the growth of a newcomer: what is done to an allocation after the strategy."""

import math
from collections.abc import Sequence

from services.router.strategies.state import Allocation

# Halvings of the search for the factor: past 2^-60 of its range nothing changes in a double.
HALVINGS = 60


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
    shares = _clipped([allocation[place] for place in places], floor, cap)
    settled = dict(zip(places, shares, strict=True))
    return tuple(settled.get(place, 0.0) for place in range(len(allocation)))


def _holds(allocation: Allocation, places: Sequence[int], floor: float, cap: float) -> bool:
    return all(floor <= allocation[place] <= cap for place in places)


def _clipped(shares: Sequence[float], floor: float, cap: float) -> Sequence[float]:
    # Where everything that has any share is at the cap, the rest is what the ones without share alike.
    least, most = 0.0, cap / min(share for share in shares if share > 0)
    if sum(min(max(most * share, floor), cap) for share in shares) < 1:
        held = [cap if share > 0 else 0.0 for share in shares]
        rest = (1 - sum(held)) / held.count(0.0)
        return [one or rest for one in held]
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        if sum(min(max(middle * share, floor), cap) for share in shares) < 1:
            least = middle
        else:
            most = middle
    return _exact(shares, floor, cap, most)


def _exact(shares: Sequence[float], floor: float, cap: float, factor: float) -> Sequence[float]:
    """The clipped shares, with those at a bound exactly there and the rest scaled to what is left."""
    # Rounding in the search must not decide on which side of its bound a share lies.
    slack = 1e-12
    low = [factor * share <= floor + slack for share in shares]
    high = [factor * share >= cap - slack for share in shares]
    held = math.fsum(floor for one in low if one) + math.fsum(cap for one in high if one)
    free = math.fsum(share for share, down, up in zip(shares, low, high, strict=True) if not (down or up))
    scale = (1 - held) / free if free > 0 else 0.0
    return [
        floor if down else cap if up else share * scale
        for share, down, up in zip(shares, low, high, strict=True)
    ]


def ramped(allocation: Allocation, ages: Sequence[float], duration: float, start: float) -> Allocation:
    """The allocation while variants grow to their shares, linearly from `start` (a fraction) over `duration`.

    `ages` are the seconds since each variant was added or enabled. What a newcomer does not get yet goes to
    the others in proportion; where all are new together, nobody is held back.

    >>> ramped((0.5, 0.5), (600.0, 30.0), 60.0, 0.0)
    (0.6666666666666666, 0.3333333333333333)
    """
    grown = [min(1.0, start + (1 - start) * max(0.0, age) / duration) for age in ages]
    masses = [share * part for share, part in zip(allocation, grown, strict=True)]
    total = sum(masses)
    return tuple(mass / total for mass in masses) if total > 0 else allocation
