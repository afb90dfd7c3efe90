"""How right a router's answers were by the time that they were given at: counts of labels, sums of errors.

Each hash is one bucket of time. Its fields are whole numbers that add up, whoever counts them and in whatever
order: rows by label and how it was hit or missed, and log-losses and errors at the binary places of
`magnitudes`. A truth that is corrected takes back what it had counted.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.state import formats, ids, keys, metric_keys
from services.state.buckets import Bucket, buckets_of
from services.state.confusion import Confusion
from services.state.failures import MappedRedis
from services.state.labels import short
from services.state.magnitudes import GREATEST, placed, summed
from services.state.rewards import MARGIN_SECONDS
from services.state.scripts import Run, Script

_COUNT = Script("count_qualities", repeatable=True)

# Fields of a bucket, of about 100 bytes each: labels have the half of it, and segments a quarter less.
MOST_FIELDS = 4000
# Rows per run of the script, and buckets per round trip.
ROWS_AT_ONCE, BUCKETS_AT_ONCE = 250, 400

HIT, FALSE, MISSED = "h", "f", "m"
SCORED, LOSS = "scored", "l"
NUMBERS, ABSOLUTE, SQUARED = "numbers", "a", "q"
LOST_LABELS, LOST_SUMS = "lost:labels", "lost:sums"


class Place(NamedTuple):
    """What is counted together; segment is name=value, or empty for what counts each row once."""

    variant: str
    policy: str
    segment: str = ""

    @property
    def field(self) -> str:
        """How fields of it begin."""
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))


class Judged(NamedTuple):
    """A truth beside the answer to one row. labels: what was said and what was true; log_loss, error: of an
    answer that has one. Of two of one row, the one with the greater (observed, feedback_id) counts; observed
    is in microseconds. horizon: seconds from a prediction to the last truth that counts."""

    router_uid: str
    prediction_id: str
    row: int
    places: Sequence[Place]
    labels: tuple[str, str] | None
    log_loss: float | None
    error: float | None
    observed: int
    feedback_id: str
    horizon: float

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
            error = min(self.error, GREATEST)
            found += [(NUMBERS, 1), _place(ABSOLUTE, error), _place(SQUARED, error * error)]
        return [text for name, number in found if number for text in (name, str(number))]


@dataclass(slots=True)
class Sums:
    """Counts of some rows, by the names of measures."""

    counts: Counter[str] = field(default_factory=Counter)

    @property
    def confusion(self) -> Confusion:
        """The labels."""
        found = Confusion(Counter(), Counter(), Counter())
        kinds = {HIT: found.hits, FALSE: found.false, MISSED: found.missed}
        for name, rows in self.counts.items():
            kind, colon, label = name.partition(":")
            if colon and kind in kinds and rows > 0:
                kinds[kind][label] += rows
        return found

    def mean(self, name: str, of: str) -> float | None:
        """Of the numbers `name`, as many as the count `of` says; None if there are none."""
        there = self.counts[of]
        parts = (key.partition(":") for key in self.counts)
        places = {int(place): self.counts[f"{name}:{place}"] for kind, _, place in parts if kind == name}
        return summed(places) / there if there else None


@dataclass(frozen=True, slots=True)
class Counted:
    """Sums by place; `lost`: what found no room in the bucket, LOST_LABELS or LOST_SUMS."""

    sums: Mapping[Place, Sums]
    lost: frozenset[str]


@dataclass(frozen=True, slots=True)
class QualityStore:
    """Counts and reads them. Feedback is the only writer. Everything raises StateUnavailable, NewerFormat."""

    redis: MappedRedis

    async def count(self, those: Sequence[Judged], now: float) -> None:
        """Count each, in one round trip; doing it again changes nothing. What is past its horizon is not."""
        groups = defaultdict[tuple[str, int, int, float], list[Judged]](list)
        for one in those:
            name = one.prediction_id
            if one.measures and now < ids.time_of(name) + one.horizon:
                place = one.router_uid, ids.partition_of(name), ids.minute_of(name), one.horizon
                groups[place].append(one)
        runs = []
        for (uid, partition, minute, horizon), some in groups.items():
            for begin in range(0, len(some), ROWS_AT_ONCE):
                part = some[begin : begin + ROWS_AT_ONCE]
                runs.append(_run(uid, partition, minute, horizon, part, now))
        for reply in await _COUNT.many(self.redis, runs) if runs else []:
            if isinstance(reply, Exception):
                raise reply
            if reply != b"COUNTED":
                formats.check("count of qualities", int(reply[1]), formats.QUALITIES)

    async def read(self, router_uid: str, buckets: Iterable[Bucket]) -> dict[Bucket, Counted]:
        """Those of the buckets that hold anything."""
        wanted, partition = list(buckets), ids.partition_for(router_uid)
        found: dict[Bucket, Counted] = {}
        for begin in range(0, len(wanted), BUCKETS_AT_ONCE):
            some = wanted[begin : begin + BUCKETS_AT_ONCE]
            async with self.redis.pipeline() as pipe:
                for bucket in some:
                    pipe.hgetall(metric_keys.qualities(partition, router_uid, bucket.name))
                replies = await pipe.execute()
            found |= {
                bucket: _counted(fields) for bucket, fields in zip(some, replies, strict=True) if fields
            }
        return found


def _place(name: str, value: float) -> tuple[str, int]:
    whole, place = placed(value)
    return f"{name}:{place}", whole


def _run(uid: str, partition: int, minute: int, horizon: float, those: Sequence[Judged], now: float) -> Run:
    kept = (minute + 1) * 60 + horizon + MARGIN_SECONDS - now
    buckets = buckets_of(minute * 60, now)
    rows = [
        [
            f"{one.prediction_id}/{one.row}/quality",
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
        *(bucket.lifetime(now) for bucket in buckets),
        *(json.dumps(row) for row in rows),
    ]


def _counted(fields: Mapping[bytes, bytes]) -> Counted:
    stored = {name.decode(): int(value) for name, value in fields.items()}
    formats.check("count of qualities", stored.pop("format", 0), formats.QUALITIES)
    lost = frozenset(name for name in (LOST_LABELS, LOST_SUMS) if stored.pop(name, 0))
    sums = defaultdict[Place, Sums](Sums)
    decoder = json.JSONDecoder()
    for name, number in stored.items():
        place, end = decoder.raw_decode(name)
        sums[Place(*place)].counts[name[end:]] += number
    return Counted(sums, lost)
