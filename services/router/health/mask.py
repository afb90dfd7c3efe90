"""Which variants of a router may be chosen, given whose models are ejected."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """A variant: its id, its model, and whether its router enables it."""

    variant: str
    model: str
    enabled: bool = True


class Limits(NamedTuple):
    """How far health may go, in percent of the enabled variants."""

    most_ejected: float = 50.0
    panic_below: float = 30.0


class Mask(NamedTuple):
    """Whether each variant may be chosen, in their order; `panic` says that health is ignored."""

    allowed: tuple[bool, ...]
    panic: bool


def mask(places: Sequence[Place], began: Mapping[str, float], limits: Limits) -> Mask:
    """`began` has the ejected models, and when each one's ejection began, by a clock that all replicas share.

    Where fewer than `panic_below` percent of the enabled variants are healthy, or nobody would be left, all
    are allowed: what is left could not bear the load, and a sick model answers more than none. Else at most
    `most_ejected` percent keep out, and at least one if any may: those whose ejection began first, then by
    model and id. All replicas that know the same ejections agree.

    >>> mask([Place("a", "A"), Place("b", "B")], {"A": 1.0}, Limits())
    Mask(allowed=(False, True), panic=False)
    >>> mask([Place("a", "A"), Place("b", "B")], {"A": 1.0, "B": 2.0}, Limits())
    Mask(allowed=(True, True), panic=True)
    """
    enabled = tuple(place.enabled for place in places)
    count = sum(enabled)
    out = [place for place in places if place.enabled and place.model in began]
    if not out:
        return Mask(enabled, False)
    if 100 * (count - len(out)) < limits.panic_below * count:
        return Mask(enabled, True)
    out.sort(key=lambda place: (began[place.model], place.model, place.variant))
    kept_out = {place.variant for place in out[: _room(count, limits)]}
    if len(kept_out) == count:
        return Mask(enabled, True)
    return Mask(tuple(place.enabled and place.variant not in kept_out for place in places), False)


def _room(enabled: int, limits: Limits) -> int:
    if enabled < 2 or limits.most_ejected <= 0:
        return 0
    # Not below what the percentage means: 29 % of 100 is 28.999999999999996 in binary.
    return max(1, math.floor(limits.most_ejected * enabled / 100 + 1e-9))
