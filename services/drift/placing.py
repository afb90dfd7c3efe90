"""Which buckets logged rows are counted in, by their times."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from services.drift.buckets import Bucket, buckets_of
from services.drift.rows import Records, Rows
from services.state.sound import Seconds

Buckets = tuple[Bucket, ...]
MINUTE = 60


class Placed(NamedTuple):
    """Rows of one stream entry that are counted in the same buckets."""

    entry: str
    buckets: Buckets
    rows: list[Rows]


def place(entries: Mapping[str, Iterable[Rows]], now: float) -> list[Placed]:
    """The rows of each entry by the buckets that they are counted in; entries stay in their order."""
    placed, minutes = list[Placed](), _Minutes(now)
    for entry, rows in entries.items():
        groups: dict[Buckets, list[Rows]] = defaultdict(list)
        for some in rows:
            for buckets, part in minutes.parts(some):
                groups[buckets].append(part)
        placed += [Placed(entry, buckets, some) for buckets, some in groups.items() if buckets]
    return placed


class _Minutes:
    """The buckets of minutes, each looked up once."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._known: dict[float, Buckets | None] = {}

    def parts(self, rows: Rows) -> Iterator[tuple[Buckets, Rows]]:
        """The rows by the buckets that they are counted in."""
        if not isinstance(rows, Records):
            yield self._buckets(rows.time), rows
            return
        minutes = rows.times // MINUTE
        if (
            rows.size
            and (minutes == minutes[0]).all()
            and (whole := self._whole(float(minutes[0]))) is not None
        ):
            yield whole, rows
            return
        places: dict[Buckets, list[int]] = defaultdict(list)
        for minute, some in _by(minutes):
            if (whole := self._whole(minute)) is not None:
                places[whole] += some
                continue
            for row in some:
                places[self._buckets(float(rows.times[row]))].append(row)
        for buckets, some in places.items():
            yield buckets, rows.at(some)

    def _buckets(self, time: float) -> Buckets:
        # Where retention ends within the minute, or the clock's lead does, each time has its own.
        whole = self._whole(time // MINUTE)
        return buckets_of(time, self._now) if whole is None else whole

    def _whole(self, minute: float) -> Buckets | None:
        """The buckets of all times of a minute, where they are the same; None where they are not."""
        if minute not in self._known:
            ends = (minute * MINUTE, np.nextafter(minute * MINUTE + MINUTE, 0.0))
            first, last = (buckets_of(float(time), self._now) for time in ends)
            self._known[minute] = first if first == last else None
        return self._known[minute]


def _by(minutes: Seconds) -> Iterator[tuple[float, list[int]]]:
    """Each of the minutes, with the rows that are in it."""
    found, sizes = np.unique(minutes, return_counts=True)
    rows = np.split(np.argsort(minutes, kind="stable"), np.cumsum(sizes)[:-1])
    for minute, some in zip(found.tolist(), rows, strict=True):
        yield float(minute), some.tolist()
