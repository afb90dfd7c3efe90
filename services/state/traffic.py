"""Traffic of routers and calls of models, in buckets of time that feedback counts and routers read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import Message
from turnout.feedback.v1.traffic_pb2 import CallBucket, TrafficBucket

from services.state import formats, ids, metric_keys
from services.state.buckets import Bucket
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.scripts import Arg, Script

# Values are absolute and name the last entry in them: written twice, they are the same.
_WRITE = Script("write_each", repeatable=True)
MARK_GAPS = Script("mark_gaps", repeatable=True)

CALLS_SECONDS = 3600
# Values per round trip: bounds a reply to a few megabytes.
AT_ONCE = 200


class Keep(NamedTuple):
    """A value to write, and for how many seconds it is kept."""

    key: str
    value: Message
    seconds: int


class TrafficStore:
    """Reads and writes buckets. Raises StateUnavailable where Redis cannot be reached, and NewerFormat."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def read(self, router_uid: str, buckets: Iterable[Bucket]) -> dict[Bucket, TrafficBucket]:
        """Those of a router's buckets that there are."""
        wanted, partition = list(buckets), ids.partition_for(router_uid)
        places = [metric_keys.traffic(partition, router_uid, bucket.name) for bucket in wanted]
        found = await self._all(places)
        return {bucket: _traffic(blob) for bucket, blob in zip(wanted, found, strict=True) if blob}

    async def at(self, partition: int, places: Sequence[tuple[str, Bucket]]) -> list[TrafficBucket]:
        """The buckets of (router uid, bucket), empty ones where there are none yet."""
        named = [metric_keys.traffic(partition, uid, bucket.name) for uid, bucket in places]
        return [_traffic(blob) if blob else TrafficBucket() for blob in await self._all(named)]

    async def calls(self, places: Sequence[tuple[int, int]]) -> list[CallBucket]:
        """What models were called for in each (partition, minute), empty where there is nothing yet."""
        async with self._redis.pipeline() as pipe:
            for partition, minute in places:
                pipe.get(metric_keys.calls(partition, minute))
            found = await pipe.execute()
        return [_calls(blob) if blob else CallBucket() for blob in found]

    async def write(self, fence: Fence, values: Sequence[Keep]) -> None:
        """Write whole values, if nobody has taken the partition over. Raises LostLease."""
        for begin in range(0, len(values), AT_ONCE):
            some = values[begin : begin + AT_ONCE]
            args: list[Arg] = [fence.token]
            for keep in some:
                args += [keep.seconds, keep.value.SerializeToString(deterministic=True)]
            if not await _WRITE(self._redis, [fence.key, *(keep.key for keep in some)], args):
                raise lost(fence)

    async def mark(self, partition: int, fence: Fence, lost_in: Iterable[Bucket], now: float) -> None:
        """Say that predictions of these buckets were lost before they were counted. Raises LostLease."""
        args: list[Arg] = [fence.token, int(now)]
        for bucket in lost_in:
            args += [bucket.expiry, bucket.name]
        named = [fence.key, metric_keys.traffic_gaps(partition)]
        if len(args) > 2 and not await MARK_GAPS(self._redis, named, args):
            raise lost(fence)

    async def gaps(self, router_uid: str) -> list[Bucket]:
        """Buckets of the router's partition that predictions were lost from, whosever they were."""
        key = metric_keys.traffic_gaps(ids.partition_for(router_uid))
        return [Bucket.named(name.decode()) for name in await self._redis.zrange(key, 0, -1)]

    async def _all(self, places: Sequence[str]) -> list[bytes | None]:
        found: list[bytes | None] = []
        for begin in range(0, len(places), AT_ONCE):
            found += await self._redis.mget(places[begin : begin + AT_ONCE])
        return found


def kept_traffic(
    partition: int, counted: Mapping[tuple[str, Bucket], TrafficBucket], now: float
) -> list[Keep]:
    """Buckets of routers as values to write."""
    return [
        Keep(metric_keys.traffic(partition, uid, bucket.name), value, bucket.lifetime(now))
        for (uid, bucket), value in counted.items()
    ]


def kept_calls(partition: int, counted: Mapping[int, CallBucket]) -> list[Keep]:
    """Minutes of calls as values to write."""
    return [
        Keep(metric_keys.calls(partition, minute), value, CALLS_SECONDS) for minute, value in counted.items()
    ]


def _traffic(blob: bytes) -> TrafficBucket:
    bucket = TrafficBucket.FromString(blob)
    formats.check("bucket of traffic", bucket.format, formats.TRAFFIC)
    return bucket


def _calls(blob: bytes) -> CallBucket:
    bucket = CallBucket.FromString(blob)
    formats.check("bucket of calls", bucket.format, formats.CALLS)
    return bucket
