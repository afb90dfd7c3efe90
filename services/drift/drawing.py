"""What a picture of a feature shows: a bar per coarse bin or category, in the reference and in the window."""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, nextafter

import numpy as np

from services.drift.cells import Frame, Grid, Tally, Vocabulary
from services.drift.statistics.counts import CountsPair

# More names than this are read by nobody; the rest stands as one.
MOST_NAMES = 20
OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin as (lower, upper]; an open end is None, as both of a category are; those of a value are equal."""

    label: str
    lower: float | None
    upper: float | None
    reference_share: float
    current_share: float


def bars(frame: Frame, bins: CountsPair, reference: Tally, current: Tally) -> list[Bar]:
    """The bars of a feature: numbers ascending, categories by their larger share; none without data.

    bins: the counts that were compared, of both samples.
    """
    shares = [(counts / max(int(counts.sum()), 1)).tolist() for counts in bins]
    if isinstance(frame, Grid):
        spans = _spans(frame.edges.tobytes(), frame.bins.tobytes())
        return [Bar(*span, *pair) for span, *pair in zip(spans, *shares, strict=True)]
    unseen = sorted(reference.unseen.keys() | current.unseen.keys())
    return _named(frame, unseen, shares)


def _named(frame: Vocabulary, unseen: list[str], shares: list[list[float]]) -> list[Bar]:
    places = [*range(len(frame.names)), *range(len(frame.names) + 1, len(shares[0]))]
    names = [*frame.names, *unseen]
    drawn = sorted(
        (Bar(name, None, None, shares[0][at], shares[1][at]) for name, at in zip(names, places, strict=True)),
        key=lambda bar: (-max(bar.reference_share, bar.current_share), bar.label),
    )
    if not any(map(sum, shares)):
        return []
    kept = [bar for bar in drawn[:MOST_NAMES] if bar.reference_share or bar.current_share]
    rest = [
        1 - sum(part) for part in ([bar.reference_share for bar in kept], [bar.current_share for bar in kept])
    ]
    # What floats leave of a whole is no category.
    other = [
        0.0 if share < 1e-12 or not any(side) else share for share, side in zip(rest, shares, strict=True)
    ]
    return [*kept, Bar(OTHER, None, None, *other)] if any(other) else kept


@lru_cache(maxsize=4096)
def _spans(edges: bytes, bins: bytes) -> tuple[tuple[str, float | None, float | None], ...]:
    """Label and ends of each bin of a grid."""
    # Below the least of all doubles lies -inf, which is an open end like any other.
    ends = [None, *(end if isfinite(end) else None for end in np.frombuffer(edges).tolist()), None]
    of = np.frombuffer(bins, dtype=np.int64)
    spans: list[tuple[str, float | None, float | None]] = []
    for index in range(int(of.max()) + 1):
        cells = np.flatnonzero(of == index)
        if not len(cells) or cells[-1] - cells[0] != len(cells) - 1:
            # The gaps between single values are one bin.
            spans.append((OTHER, None, None))
        else:
            spans.append(_span(ends[cells[0]], ends[cells[-1] + 1]))
    return tuple(spans)


def _span(lower: float | None, upper: float | None) -> tuple[str, float | None, float | None]:
    if lower is None or upper is None:
        label = f"≤ {upper:.6g}" if upper is not None else f"> {lower:.6g}" if lower is not None else "all"
        return label, lower, upper
    if nextafter(upper, -inf) == lower:
        return f"{upper:.6g}", upper, upper
    return f"{lower:.6g} to {upper:.6g}", lower, upper
