"""When looks are due, from the clock alone: whoever makes look k makes the same one.

Look k ends at k intervals since 1970. It is made once what happened before its end has had time to arrive.

>>> table = Timetable(interval=3600, window=3600, start=7200.0, epoch_looks=720)
>>> table.first, table.newest(10_800.0), table.newest(10_800.0 + SETTLE_SECONDS)
(3, 2, 3)
>>> table.span(3)
(7200.0, 10800.0)
"""

from dataclasses import dataclass
from math import floor

# A row is in its profile a second or two after it was logged; what comes later than this is counted where it
# belongs and was not part of the look.
SETTLE_SECONDS = 30.0
# Older looks are passed over: of a day ago nobody waits for, and the finest buckets are gone after two hours.
MOST_LATE = 24


@dataclass(frozen=True, slots=True)
class Timetable:
    """The looks of a schedule. All in seconds; `start`: since when, in seconds since 1970; `settle`: how long
    after its end a look is made."""

    interval: int
    window: int
    start: float
    epoch_looks: int
    settle: float = SETTLE_SECONDS

    @property
    def first(self) -> int:
        """The first look: the first that ends after the start."""
        return floor(self.start / self.interval) + 1

    def newest(self, now: float) -> int:
        """The newest look that is due."""
        return floor((now - self.settle) / self.interval)

    def due(self, done: int | None, now: float) -> range:
        """The looks to make, in order, after the last one that was `done` (None for none)."""
        newest = self.newest(now)
        after = self.first if done is None else max(self.first, done + 1)
        return range(max(after, newest - MOST_LATE + 1), newest + 1)

    def passed_over(self, done: int | None, now: float) -> int:
        """How many looks of those after `done` nobody made while it was time."""
        after = self.first if done is None else max(self.first, done + 1)
        return max(0, self.newest(now) - MOST_LATE + 1 - after)

    def end(self, look: int) -> float:
        """When a look's window ends, in seconds since 1970."""
        return float(look * self.interval)

    def span(self, look: int) -> tuple[float, float]:
        """What a look looks at, by event time."""
        return self.end(look) - self.window, self.end(look)
