"""Buckets that events are missing from, because the events were lost before anybody could count them."""

import asyncio
from collections.abc import Iterable
from typing import Any

from turnout.inference.v1.event_pb2 import Gap

from services.drift.buckets import Bucket, Cover, buckets_between
from services.state import drift_keys
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.moments import BadTimestamp, moment
from services.state.scripts import Arg, Script

# Marks are names in a set: made twice, they are made once.
MARK_GAPS = Script("mark_gaps", repeatable=True)


class GapStore:
    """Marks buckets of a partition as incomplete; raises StateUnavailable where Redis cannot be reached.

    A gap tells neither whose events it swallowed nor their own event times: it marks the buckets between its
    first and last prediction, for every model.
    """

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def mark(self, partition: int, fence: Fence, found: Iterable[Gap | None], now: float) -> None:
        """Mark what the gaps cover. Raises LostLease."""
        gaps = [gap for gap in found if gap is not None]
        if not gaps:
            return
        args: list[Arg] = [fence.token, int(now)]
        for bucket in {bucket for gap in gaps for bucket in _buckets(gap, now)}:
            args += [bucket.expiry, bucket.name]
        # First: a mark in a partition that nobody looks at would say nothing.
        await self._redis.sadd(drift_keys.gap_partitions(), partition)
        if not await MARK_GAPS(self._redis, [fence.key, drift_keys.gaps(partition)], args):
            raise lost(fence)

    async def within(self, window: Cover) -> int:
        """How many of the buckets that make up the window are incomplete, of all partitions."""
        places = [
            drift_keys.gaps(int(one)) for one in await self._redis.smembers(drift_keys.gap_partitions())
        ]
        replies = await asyncio.gather(*(self._redis.zrange(place, 0, -1) for place in places))
        marked = {Bucket.named(name) for names in replies for name in names}
        return sum(bucket in window for bucket in marked)


def _buckets(gap: Gap, now: float) -> Iterable[Bucket]:
    try:
        first, last = moment(gap.first, "first"), moment(gap.last, "last")
    except BadTimestamp:
        first = last = now  # something is lost all the same, and now is where people look
    return buckets_between(min(first, last), max(first, last), now)
