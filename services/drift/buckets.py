"""Buckets of event time: fine ones for recent rows, coarse ones for long windows.

Every row is counted at each resolution, so a window of a month reads thirty buckets, not forty thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor


@dataclass(frozen=True, slots=True)
class Resolution:
    """Buckets of `seconds` each, kept for `retention` seconds."""

    name: str
    seconds: int
    retention: int


RESOLUTIONS = (
    Resolution("minute", 60, 2 * 3600),
    Resolution("hour", 3600, 3 * 86_400),
    Resolution("day", 86_400, 90 * 86_400),
)
_BY_NAME = {resolution.name: resolution for resolution in RESOLUTIONS}
# Rows of the future would never be trimmed; a caller's clock may be this many seconds ahead.
MAX_AHEAD = 300


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """One bucket: `start` in seconds since the epoch, a multiple of its resolution's seconds."""

    resolution: str
    start: int

    @classmethod
    def named(cls, name: bytes) -> "Bucket":
        """The bucket whose `name` it is, as Redis returns it."""
        resolution, _, start = name.decode().partition(":")
        return cls(resolution, int(start))

    @property
    def name(self) -> str:
        """How keys call it, as minute:1760000040."""
        return f"{self.resolution}:{self.start}"

    @property
    def expiry(self) -> int:
        """When it is no longer kept, in seconds since the epoch."""
        resolution = _BY_NAME[self.resolution]
        return self.start + resolution.seconds + resolution.retention


@dataclass(frozen=True, slots=True)
class Cover:
    """The buckets whose union is [start, end): the window asked for, widened to what is still told apart."""

    start: int
    end: int
    spans: tuple[tuple[Resolution, int, int], ...]
    """(resolution, first start, end): disjoint, each a range of that resolution's buckets. What is past its
    retention, or further ahead than rows are counted, is left out: there is nothing to read."""

    def __contains__(self, bucket: Bucket) -> bool:
        return any(
            bucket.resolution == resolution.name and start <= bucket.start < end
            for resolution, start, end in self.spans
        )

    def names(self) -> list[str]:
        """The name of every bucket that there may be: fewer than 400."""
        return [
            f"{resolution.name}:{start}"
            for resolution, first, end in self.spans
            for start in range(first, end, resolution.seconds)
        ]


def buckets_of(time: float, now: float) -> tuple[Bucket, ...]:
    """The bucket of each resolution that a row of `time` is counted in; none where it is past retention."""
    time = min(time, now + MAX_AHEAD)
    return tuple(
        Bucket(resolution.name, _floor(time, resolution.seconds))
        for resolution in RESOLUTIONS
        if time > now - resolution.retention
    )


def buckets_between(first: float, last: float, now: float) -> Iterator[Bucket]:
    """The buckets of every resolution that rows from `first` to `last` are counted in."""
    first, last = min(first, now + MAX_AHEAD), min(last, now + MAX_AHEAD)
    for resolution in RESOLUTIONS:
        # The first one that is kept ends after the retention began.
        begin = _floor(max(first, now - resolution.retention), resolution.seconds)
        for start in range(begin, floor(last) + 1, resolution.seconds):
            yield Bucket(resolution.name, start)


def cover(start: float, end: float, now: float) -> Cover:
    """Buckets for a window: the coarsest that fit inside it, finer ones at its edges while they are kept."""
    first, last = _floor(start, _finest(start, now)), _ceil(end, _finest_end(end, now))
    spans = (_kept(*span, now) for span in _spans(first, last, len(RESOLUTIONS) - 1, now))
    return Cover(first, last, tuple(span for span in spans if span[1] < span[2]))


def _kept(resolution: Resolution, first: int, end: int, now: float) -> tuple[Resolution, int, int]:
    oldest = _floor(now - resolution.retention, resolution.seconds)
    return resolution, max(first, oldest), min(end, _ceil(now + MAX_AHEAD + 1, resolution.seconds))


def _spans(first: int, last: int, level: int, now: float) -> list[tuple[Resolution, int, int]]:
    """Covers [first, last) with whole buckets of `level` in the middle and finer ones on both sides."""
    if first >= last:
        return []
    resolution = RESOLUTIONS[level]
    if level == 0:
        return [(resolution, first, last)]
    inner, outer = _ceil(first, resolution.seconds), _floor(last, resolution.seconds)
    if inner >= outer:
        return _spans(first, last, level - 1, now)
    left, right = _spans(first, inner, level - 1, now), _spans(outer, last, level - 1, now)
    return [*left, (resolution, inner, outer), *right]


def _finest(time: float, now: float) -> int:
    """Seconds of the finest buckets that are still kept from `time` on."""
    kept = (r.seconds for r in RESOLUTIONS if _floor(time, r.seconds) >= now - r.retention + r.seconds)
    return next(kept, RESOLUTIONS[-1].seconds)


def _finest_end(time: float, now: float) -> int:
    """The same for an end: its fine buckets begin where the last whole coarser one ended."""
    for fine, coarse in pairwise(RESOLUTIONS):
        if _finest(_floor(time, coarse.seconds), now) == fine.seconds:
            return fine.seconds
    return RESOLUTIONS[-1].seconds


def _floor(time: float, seconds: int) -> int:
    return floor(time / seconds) * seconds


def _ceil(time: float, seconds: int) -> int:
    return ceil(time / seconds) * seconds
