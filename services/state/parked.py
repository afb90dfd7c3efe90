"""Feedback that came before its prediction's record: kept, and tried again at growing intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.state import keys
from services.state.failures import MappedRedis
from services.state.scripts import Arg, Script

# A router that spools through a weekend still finds its feedback waiting.
LIFETIME_SECONDS = 3 * 86_400.0
# About 5 MB per partition at most.
MOST_ITEMS = 10_000
# A record is seconds behind its reply; who waits long is looked at rarely.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.25, 600.0

_PARK = Script("park_feedback", repeatable=True)


class Parked(StrEnum):
    """What became of an item. EVICTED: kept, and the one that had waited longest was dropped for it. OTHER:
    what is kept under its id says something else, and stays."""

    PARKED = "PARKED"
    DUPLICATE = "DUPLICATE"
    OTHER = "OTHER"
    FULL = "FULL"
    EVICTED = "EVICTED"


@dataclass(frozen=True, slots=True)
class ParkedStore:
    """The parked feedback of every partition, by id. Every method raises StateUnavailable if Redis is."""

    redis: MappedRedis
    most: int = MOST_ITEMS

    async def park(
        self,
        partition: int,
        id_: str,
        item: bytes,
        now: float,
        *,
        evict: bool,
        same: Callable[[bytes], bool] = lambda _kept: True,
    ) -> Parked:
        """Keep `item` under `id_`. When the store is full, FULL, or with `evict` room is made.

        same: whether what is kept under the id already says what `item` does.
        """
        named = [keys.parked(partition), keys.parked_items(partition)]
        args: list[Arg] = [id_, item, now + FIRST_WAIT_SECONDS, self.most, int(LIFETIME_SECONDS), int(evict)]
        status, *kept = await _PARK(self.redis, named, args)
        return Parked.OTHER if kept and not same(kept[0]) else Parked(status.decode())

    async def due(self, partition: int, now: float, most: int) -> dict[str, bytes]:
        """At most `most` items whose time to be tried has come, the longest due first."""
        found: Any = await self.redis.zrangebyscore(keys.parked(partition), 0, now, 0, most)
        if not found:
            return {}
        items: Any = await self.redis.hmget(keys.parked_items(partition), list(found))
        due = {id_.decode(): item for id_, item in zip(found, items, strict=True) if item is not None}
        # Its item went between the two looks (another owner finished it), or with a connection that broke.
        orphans = [id_.decode() for id_ in found if id_.decode() not in due]
        if orphans:
            await self.finish(partition, orphans, {})
        return due

    async def waiting(self, partitions: Sequence[int], now: float) -> list[int]:
        """Those of `partitions` in which something is due, in one round trip."""
        async with self.redis.pipeline() as pipe:
            for partition in partitions:
                pipe.zrangebyscore(keys.parked(partition), 0, now, 0, 1)
            return [one for one, due in zip(partitions, await pipe.execute(), strict=True) if due]

    async def finish(self, partition: int, done: Sequence[str], later: Mapping[str, float]) -> None:
        """Forget items that were applied, or never will be; set when others are tried next."""
        async with self.redis.pipeline() as pipe:
            if done:
                # The index first: what is left of the items is then never looked for, and expires.
                pipe.zrem(keys.parked(partition), *done)
                pipe.hdel(keys.parked_items(partition), *done)
            if later:
                pipe.zadd(keys.parked(partition), dict(later), xx=True)
            await pipe.execute()


def next_wait(age: float) -> float:
    """Seconds until an item is tried again that has waited for `age` seconds.

    >>> next_wait(0.0), next_wait(10.0), next_wait(86400.0)
    (0.25, 5.0, 600.0)
    """
    return min(max(age / 2, FIRST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)
