"""What a picture of a feature shows: a bar per coarse bin or category, in the reference and in the window."""

from collections.abc import Sequence
from functools import lru_cache
from math import inf, isfinite, nextafter
from typing import NamedTuple

import numpy as np

from services.drift.cells import Frame, Grid, Tally, Vocabulary
from services.drift.statistics.counts import Floats

# More names than this are read by nobody; the rest stands as one.
MOST_NAMES = 20
OTHER = "OTHER"
# What floats leave of a whole is no category.
CRUMB = 1e-12


class Span(NamedTuple):
    """A bin as (lower, upper]; an open end is None, as both of a category are; those of a value are equal."""

    label: str
    lower: float | None = None
    upper: float | None = None


class Picture(NamedTuple):
    """The bars of a feature by name, none for numbers, whose bars are the `spans` of their grid; and each
    one's share of the reference and of the window."""

    names: Sequence[str]
    reference: Sequence[float]
    current: Sequence[float]


def draw(frame: Frame, shares: tuple[Floats, Floats], reference: Tally, current: Tally) -> Picture:
    """The picture of a feature: numbers ascending, categories by their larger share.

    shares: those that were compared, of both samples.
    """
    left, right = (side.tolist() for side in shares)
    if isinstance(frame, Grid):
        return Picture((), left, right)
    return _names(frame, sorted(reference.unseen.keys() | current.unseen.keys()), left, right)


def _names(frame: Vocabulary, unseen: list[str], left: list[float], right: list[float]) -> Picture:
    # OTHER stands between the names that are known and those that are not.
    known = len(frame.names)
    names = (*frame.names, OTHER, *unseen)
    seen = [
        (-max(before, after), name, at)
        for at, (name, before, after) in enumerate(zip(names, left, right, strict=True))
        if (before or after) and at != known
    ]
    kept = [at for *_, at in sorted(seen)[:MOST_NAMES]]
    sides = [[side[at] for at in kept] for side in (left, right)]
    rest = [max(sum(side) - sum(part), 0.0) for side, part in zip((left, right), sides, strict=True)]
    shown = [names[at] for at in kept]
    if max(rest) > CRUMB:
        shown.append(OTHER)
        for part, share in zip(sides, rest, strict=True):
            part.append(share if share > CRUMB else 0.0)
    return Picture(shown, *sides)


@lru_cache(maxsize=4096)
def spans(edges: bytes, bins: bytes) -> tuple[Span, ...]:
    """The bins of a grid, from what it is packed as."""
    # Below the least of all doubles lies -inf, which is an open end like any other.
    ends = [None, *(end if isfinite(end) else None for end in np.frombuffer(edges).tolist()), None]
    of = np.frombuffer(bins, dtype=np.int64)
    found = []
    for index in range(int(of.max()) + 1):
        cells = np.flatnonzero(of == index)
        if not len(cells) or cells[-1] - cells[0] != len(cells) - 1:
            # The gaps between single values are one bin.
            found.append(Span(OTHER))
        else:
            found.append(_span(ends[cells[0]], ends[cells[-1] + 1]))
    return tuple(found)


def _span(lower: float | None, upper: float | None) -> Span:
    if lower is None or upper is None:
        label = f"≤ {upper:.6g}" if upper is not None else f"> {lower:.6g}" if lower is not None else "all"
        return Span(label, lower, upper)
    if nextafter(upper, -inf) == lower:
        return Span(f"{upper:.6g}", upper, upper)
    return Span(f"{lower:.6g} to {upper:.6g}", lower, upper)
