"""How right answers were by the time that they were given at: counts of labels, sums of errors.

Of a router by the time of its predictions, of a model by the event time of its own. Each hash is one bucket
of time. Its fields are whole numbers that add up, whoever counts them and in whatever order: rows by label
and how it was hit or missed, and log-losses and errors at the binary places of `magnitudes`. A truth that is
corrected takes back what it had counted.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.state import formats, ids, keys, metric_keys
from services.state.buckets import HISTORY_SECONDS, HOUR, READ_SECONDS, Bucket, buckets_of
from services.state.failures import MappedRedis
from services.state.labels import short
from services.state.magnitudes import GREATEST, placed
from services.state.quality_sums import (
    ABSOLUTE,
    BRIER,
    FALSE,
    FOURTH,
    HIT,
    LOSS,
    LOST_LABELS,
    LOST_SUMS,
    MISSED,
    NUMBERS,
    SCORED,
    SIGNED,
    SQUARED,
    SQUARED_BRIER,
    SQUARED_LOSS,
    TOLD,
    VERSION,
    Counted,
    Place,
    Sums,
    counted,
)
from services.state.rewards import MARGIN_SECONDS
from services.state.scripts import Run, Script

_COUNT = Script("count_qualities", repeatable=True)

# Fields of a bucket, of about 100 bytes each: labels have the half of it, and segments a quarter less.
MOST_FIELDS = 4000
# Rows per run of the script, and buckets per round trip.
ROWS_AT_ONCE, BUCKETS_AT_ONCE = 250, 400

__all__ = [
    "ABSOLUTE",
    "BRIER",
    "FOURTH",
    "LOSS",
    "LOST_LABELS",
    "LOST_SUMS",
    "NUMBERS",
    "SCORED",
    "SIGNED",
    "SQUARED",
    "SQUARED_BRIER",
    "SQUARED_LOSS",
    "TOLD",
    "Counted",
    "Judged",
    "Place",
    "QualityStore",
    "Sums",
]


class Judged(NamedTuple):
    """A truth beside the answer to one row. uid: the router's or the model's whose answer it is. labels: what
    was said and what was true; log_loss, error: of an answer that has one. Of two of one row, the one with
    the greater (observed, feedback_id) counts; observed is in microseconds. horizon: seconds from a
    prediction to the last truth that counts. event_time: of a model's, in seconds since 1970; it must hang on
    the prediction alone. brier: of a model's, as log_loss; its error has a sign."""

    uid: str
    prediction_id: str
    row: int
    places: Sequence[Place]
    labels: tuple[str, str] | None
    log_loss: float | None
    error: float | None
    observed: int
    feedback_id: str
    horizon: float
    event_time: float | None = None
    brier: float | None = None

    @property
    def of_model(self) -> bool:
        """Whether it is for the history of a model."""
        return self.event_time is not None

    @property
    def name(self) -> str:
        """How the row is known among those of its minute."""
        model = f"{self.uid[-12:]}/" if self.of_model else ""
        return f"{self.prediction_id}/{self.row}/{model}quality"

    @property
    def measures(self) -> list[str]:
        """What it adds: names and whole numbers in turn."""
        found: list[tuple[str, int]] = []
        if self.labels is not None:
            said, true = map(short, self.labels)
            found += (
                [(f"{HIT}:{true}", 1)] if said == true else [(f"{FALSE}:{said}", 1), (f"{MISSED}:{true}", 1)]
            )
        if self.log_loss is not None:
            found += [(SCORED, 1), _place(LOSS, self.log_loss)]
        if self.error is not None:
            error = min(abs(self.error), GREATEST)
            found += [(NUMBERS, 1), _place(ABSOLUTE, error), _place(SQUARED, error * error)]
        found += self._of_model() if self.of_model else ()
        return [text for name, number in found if number for text in (name, str(number))]

    def _of_model(self) -> Iterator[tuple[str, int]]:
        yield TOLD, 1
        if self.log_loss is not None:
            yield _place(SQUARED_LOSS, self.log_loss**2)
        if self.brier is not None:
            yield _place(BRIER, self.brier)
            yield _place(SQUARED_BRIER, self.brier**2)
        if self.error is not None:
            error = min(abs(self.error), GREATEST)
            whole, place = placed(error)
            yield f"{SIGNED}:{place}", whole if self.error >= 0 else -whole
            yield _place(FOURTH, error * error * (error * error))


class Group(NamedTuple):
    """What is counted in one run: rows of one owner, of one minute, and of the same buckets."""

    uid: str
    partition: int
    minute: int
    horizon: float
    # Of a model's, the hour of its event time.
    hour: int | None

    @classmethod
    def of(cls, one: Judged) -> "Group":
        """The group of a row. A model's rows come from any partition and are counted in its own."""
        name = one.prediction_id
        if one.event_time is None:
            return cls(one.uid, ids.partition_of(name), ids.minute_of(name), one.horizon, None)
        hour = int(one.event_time // HOUR)
        return cls(one.uid, ids.partition_for(one.uid), ids.minute_of(name), one.horizon, hour)


@dataclass(frozen=True, slots=True)
class QualityStore:
    """Counts and reads them. Feedback is the only writer. Everything raises StateUnavailable, NewerFormat."""

    redis: MappedRedis

    async def count(self, those: Sequence[Judged], now: float) -> None:
        """Count each, in one round trip; doing it again changes nothing. What is past its horizon is not."""
        groups = defaultdict[Group, list[Judged]](list)
        for one in those:
            if one.measures and now < ids.time_of(one.prediction_id) + one.horizon:
                groups[Group.of(one)].append(one)
        runs = [
            _run(group, some[begin : begin + ROWS_AT_ONCE], now)
            for group, some in groups.items()
            for begin in range(0, len(some), ROWS_AT_ONCE)
        ]
        for reply in await _COUNT.many(self.redis, runs) if runs else []:
            if isinstance(reply, Exception):
                raise reply
            if reply != b"COUNTED":
                formats.check("count of qualities", int(reply[1]), formats.QUALITIES)

    async def versions(self, uid: str, buckets: Sequence[Bucket]) -> list[int]:
        """The version of each bucket; 0 where there is nothing."""
        partition = ids.partition_for(uid)
        async with self.redis.pipeline() as pipe:
            for bucket in buckets:
                pipe.hget(metric_keys.qualities(partition, uid, bucket.name), VERSION)
            return [int(one or 0) for one in await pipe.execute()]

    async def read(self, uid: str, buckets: Iterable[Bucket]) -> dict[Bucket, Counted]:
        """Those of a router's or a model's buckets that hold anything."""
        wanted, partition = list(buckets), ids.partition_for(uid)
        found: dict[Bucket, Counted] = {}
        for begin in range(0, len(wanted), BUCKETS_AT_ONCE):
            some = wanted[begin : begin + BUCKETS_AT_ONCE]
            async with self.redis.pipeline() as pipe:
                for bucket in some:
                    pipe.hgetall(metric_keys.qualities(partition, uid, bucket.name))
                replies = await pipe.execute()
            found |= {bucket: counted(fields) for bucket, fields in zip(some, replies, strict=True) if fields}
        return found


def _place(name: str, value: float) -> tuple[str, int]:
    whole, place = placed(value)
    return f"{name}:{place}", whole


def _run(group: Group, those: Sequence[Judged], now: float) -> Run:
    uid, partition, minute = group.uid, group.partition, group.minute
    kept = (minute + 1) * 60 + group.horizon + MARGIN_SECONDS - now
    retention = READ_SECONDS if group.hour is None else HISTORY_SECONDS
    buckets = buckets_of(minute * 60 if group.hour is None else group.hour * HOUR, now, retention)
    rows = [
        [
            one.name,
            str(one.observed),
            one.feedback_id,
            [place.field for place in one.places],
            one.measures,
        ]
        for one in those
    ]
    named = [metric_keys.qualities(partition, uid, bucket.name) for bucket in buckets]
    return [keys.reports_applied(partition, minute), *named], [
        max(int(kept), 1),
        formats.QUALITIES,
        MOST_FIELDS,
        *(bucket.lifetime(now, retention) for bucket in buckets),
        *(json.dumps(row) for row in rows),
    ]
