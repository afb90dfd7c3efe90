"""Buckets of time: minutes for two days, hours for 30 days; each prediction is in one of each.

What models are measured by is kept for longer: HISTORY_SECONDS.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

MINUTE, HOUR, DAY = 60, 3600, 86_400
# For how many seconds after its end a bucket is read. It is kept for longer, as clocks differ.
READ_SECONDS: Mapping[int, int] = {MINUTE: 48 * HOUR, HOUR: 30 * 24 * HOUR}
SLACK_SECONDS = 2 * HOUR
# The history of a model, by the hour and by the day. Years are an archive's business.
HISTORY_SECONDS: Mapping[int, int] = {HOUR: 90 * DAY, DAY: 90 * DAY}


class Bucket(NamedTuple):
    """One bucket: `start` in seconds since 1970, a multiple of its length `seconds`."""

    seconds: int
    start: int

    @classmethod
    def named(cls, name: str) -> "Bucket":
        """The bucket whose `name` it is."""
        seconds, _, start = name.partition(":")
        return cls(int(seconds), int(start))

    @property
    def name(self) -> str:
        """How keys call it.

        >>> Bucket(60, 1_760_000_040).name
        '60:1760000040'
        """
        return f"{self.seconds}:{self.start}"

    @property
    def expiry(self) -> int:
        """When it is no longer kept, in seconds since 1970."""
        return self.start + self.seconds + READ_SECONDS[self.seconds] + SLACK_SECONDS

    def lifetime(self, now: float, kept: Mapping[int, int] = READ_SECONDS) -> int:
        """Seconds that it is still kept; no more than its retention, should its time lie in the future."""
        most = self.seconds + kept[self.seconds] + SLACK_SECONDS
        return max(1, min(int(self.start + most - now), most))


def buckets_of(time: float, now: float, kept: Mapping[int, int] = READ_SECONDS) -> list[Bucket]:
    """The buckets of a prediction that was made at `time` that are still kept, the finest first."""
    found = [Bucket(seconds, int(time // seconds) * seconds) for seconds in kept]
    return [one for one in found if one.start + one.seconds + kept[one.seconds] + SLACK_SECONDS > now]


def cover(start: float, end: float, now: float, *, fine: bool) -> list[Bucket]:
    """Buckets without overlap from `start`, taken back to the bucket that it lies in, to `end`.

    Hours, with minutes before the first whole one while they are kept; `fine` wants minutes throughout.
    """
    oldest = now - READ_SECONDS[MINUTE]
    minutes = fine or start >= oldest
    first = int(start // MINUTE) * MINUTE if minutes else int(start // HOUR) * HOUR
    if fine:
        return _between(MINUTE, first, end)
    hours = -(-first // HOUR) * HOUR
    return [*_between(MINUTE, first, min(hours, end)), *_between(HOUR, hours, end)]


def touching(first: float, last: float, now: float) -> Iterable[Bucket]:
    """Every bucket that predictions from `first` to `last` may lie in and that is still kept."""
    for seconds, kept in READ_SECONDS.items():
        begin = max(first, now - kept - SLACK_SECONDS)
        # Who is lost in the future is looked for now: a clock may be wrong by years.
        yield from _between(seconds, int(min(begin, now) // seconds) * seconds, min(last, now) + 1)


def _between(seconds: int, first: int, end: float) -> list[Bucket]:
    return [Bucket(seconds, at) for at in range(first, int(-(-end // 1)), seconds)]
