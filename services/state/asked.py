"""What a model was asked for, by event time: counted from the event streams of every partition that asked it.

A hash of the model's own partition holds one bucket of time, with a field for each partition that its
predictions were made in: one look shows all. Values are absolute and name the last entry in them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from turnout.feedback.v1.traffic_pb2 import TrafficBucket
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.state import formats, ids, metric_keys
from services.state.buckets import HISTORY_SECONDS, Bucket
from services.state.failures import MappedRedis
from services.state.quality_sums import Place
from services.state.scripts import Arg, Run, Script

_WRITE = Script("write_asked", repeatable=True)

# A caller's clock may be this many seconds ahead of the prediction; what is beyond counts as that.
MAX_AHEAD = 300.0
# Buckets per round trip.
AT_ONCE = 400


class Where(NamedTuple):
    """A bucket of a model's."""

    model_uid: str
    bucket: Bucket


class Asked(NamedTuple):
    """What a model was asked for as a variant of a router: rows, calls that were answered or failed,
    failures, and latencies of those that were answered, as cells and counts."""

    place: Place
    rows: int
    calls: int
    failures: int
    cells: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class AskedStore:
    """Reads and writes buckets; feedback's owner of a partition writes its fields. Everything raises
    StateUnavailable, and NewerFormat for what a newer version wrote."""

    redis: MappedRedis

    async def at(self, partition: int, places: Sequence[Where]) -> list[TrafficBucket]:
        """What the predictions of a partition asked for, empty where there is nothing yet."""
        async with self.redis.pipeline() as pipe:
            for uid, bucket in places:
                pipe.hget(metric_keys.asked(ids.partition_for(uid), uid, bucket.name), str(partition))
            found = await pipe.execute()
        return [_bucket(blob) for blob in found]

    async def write(self, partition: int, counted: Mapping[Where, TrafficBucket], now: float) -> None:
        """Write whole buckets; what is there of a later entry stays."""
        runs: dict[str, tuple[list[str], list[Arg]]] = {}
        for (uid, bucket), value in counted.items():
            named, args = runs.setdefault(uid, ([], [str(partition)]))
            named.append(metric_keys.asked(ids.partition_for(uid), uid, bucket.name))
            blob = value.SerializeToString(deterministic=True)
            args += [value.last_entry, bucket.lifetime(now, HISTORY_SECONDS), blob]
        those: list[Run] = list(runs.values())
        for reply in await _WRITE.many(self.redis, those) if those else []:
            if isinstance(reply, Exception):
                raise reply

    async def read(self, model_uid: str, buckets: Iterable[Bucket]) -> dict[Bucket, list[Asked]]:
        """Of those of the buckets that hold anything, what was asked for."""
        wanted, partition = list(buckets), ids.partition_for(model_uid)
        found: dict[Bucket, list[Asked]] = {}
        for begin in range(0, len(wanted), AT_ONCE):
            some = wanted[begin : begin + AT_ONCE]
            async with self.redis.pipeline() as pipe:
                for bucket in some:
                    pipe.hgetall(metric_keys.asked(partition, model_uid, bucket.name))
                replies: list[Any] = await pipe.execute()
            for bucket, fields in zip(some, replies, strict=True):
                if fields:
                    found[bucket] = [one for blob in fields.values() for one in _groups(blob)]
        return found


def history_time(event: PredictionEvent) -> float:
    """When a prediction happened in its caller's world, in seconds since 1970. It hangs on the event alone:
    whoever counts it, and whenever, finds the same buckets. Raises BadPredictionId."""
    made = ids.time_of(event.manifest.prediction_id)
    if not event.HasField("event_time"):
        return made
    return min(event.event_time.seconds + event.event_time.nanos / 1e9, made + MAX_AHEAD)


# What is past is hardly ever written again: most of a history is as it was at the last look.
@lru_cache(4000)
def _groups(blob: bytes) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            Place(one.variant, one.policy, one.segment),
            one.rows,
            one.requests,
            one.errors,
            tuple(one.latency_cells.items()),
        )
        for one in _bucket(blob).groups
    )


def _bucket(blob: bytes | None) -> TrafficBucket:
    if not blob:
        return TrafficBucket()
    bucket = TrafficBucket.FromString(blob.partition(b" ")[2])
    formats.check("bucket of what a model was asked for", bucket.format, formats.TRAFFIC)
    return bucket
