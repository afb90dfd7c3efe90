"""Floors and caps: the allocation nearest in proportion to the wanted one that respects both.

Each probability is λ · wanted, held between floor and cap, with the λ that makes the sum 1. Who hits a bound
gets exactly the bound; the others share the rest in proportion to what they wanted, alike where that is
nothing. What feedback learns and what the router is told to draw from are held to their bounds alike.

>>> [round(share, 4) for share in fill([0.9, 0.08, 0.02], floor=0.05)]
[0.8724, 0.0776, 0.05]
"""

import math
from collections.abc import Sequence

# A third times three is 1 for people, and within rounding for us.
ROUNDING = 1e-12


class InfeasibleBounds(ValueError):
    """No allocation over so many arms respects the floor and the cap."""


def refuse_infeasible(arms: int, floor: float, cap: float) -> None:
    """Raise `InfeasibleBounds` unless 0 <= floor <= cap <= 1 and floor * arms <= 1 <= cap * arms."""
    if not 0 <= floor <= cap <= 1:
        raise InfeasibleBounds(f"floor {floor} and cap {cap} must be within 0 <= floor <= cap <= 1")
    if floor * arms > 1 + ROUNDING:
        raise InfeasibleBounds(f"{arms} arms with a floor of {floor} each need more than 1 in sum")
    if cap * arms < 1 - ROUNDING:
        raise InfeasibleBounds(f"{arms} arms with a cap of {cap} each cannot make 1 in sum")


def fill(wanted: Sequence[float], floor: float = 0.0, cap: float = 1.0) -> list[float]:
    """Probabilities whose sum (`math.fsum`) is exactly 1.

    Raises `InfeasibleBounds`, and ValueError unless `wanted` is finite and nowhere negative.
    """
    if not all(math.isfinite(share) and share >= 0 for share in wanted):
        raise ValueError(f"an allocation needs finite shares, none negative; got {list(wanted)}")
    refuse_infeasible(len(wanted), floor, cap)
    bound: dict[int, float] = {}
    while True:
        free = _scaled(wanted, bound)
        hit = _worse_side(free, floor, cap)
        if not hit:
            return _exact({**free, **bound}, free or bound)
        bound |= hit


def _scaled(wanted: Sequence[float], bound: dict[int, float]) -> dict[int, float]:
    """What the bounds leave, shared by those that are at none."""
    places = [place for place in range(len(wanted)) if place not in bound]
    room, weight = 1 - math.fsum(bound.values()), math.fsum(wanted[place] for place in places)
    # Divided first: shares that are only just above 0 must not be lost to it before they are compared.
    return {place: room * (wanted[place] / weight) if weight else room / len(places) for place in places}


def _worse_side(free: dict[int, float], floor: float, cap: float) -> dict[int, float]:
    """Those beyond the bound on the side that lacks more: the other side may still move back within."""
    low = {place: floor for place, share in free.items() if share < floor}
    high = {place: cap for place, share in free.items() if share > cap}
    lacking = math.fsum(floor - free[place] for place in low)
    return low if low and lacking >= math.fsum(free[place] - cap for place in high) else high


def _exact(filled: dict[int, float], adjustable: dict[int, float]) -> list[float]:
    """Give what rounding lost to the greatest share that is at no bound."""
    place = max(adjustable, key=adjustable.__getitem__)
    others = [share for other, share in filled.items() if other != place]
    filled[place] = -math.fsum([*others, -1.0])
    return [filled[place] for place in range(len(filled))]
