"""In which partitions there is something of a baseline or a model."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from services.state.failures import MappedRedis

T = TypeVar("T")
# What is remembered of so many; beyond, some are noted and asked for anew.
MOST_REMEMBERED = 10_000
# Who writes so often notes it again: Redis may have lost the last second before it was killed. Profiles are
# written every second or so.
AGAIN = 100


class Whereabouts:
    """A set of partitions in Redis for each uid, at `key`; raises StateUnavailable where Redis cannot be
    reached. again: after how many writes it is noted again."""

    def __init__(self, redis: MappedRedis, key: Callable[[str], str], again: int = AGAIN) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = redis
        self._key = key
        self._again = again
        self._noted: dict[tuple[str, int], int] = {}
        self._known: dict[str, set[int]] = {}

    async def note(self, uid: str, partition: int) -> None:
        """Say that there is something before there is: who dies on the way leaves a place without it."""
        writes = self._noted.get((uid, partition), 0)
        if writes % self._again == 0:
            await self._redis.sadd(self._key(uid), partition)
        if len(self._noted) >= MOST_REMEMBERED:
            self._noted.clear()
        self._noted[uid, partition] = writes + 1

    async def read(self, uid: str) -> set[int]:
        """Where it is."""
        return set(map(int, await self._redis.smembers(self._key(uid))))

    async def collect(self, uid: str, read: Callable[[Iterable[int]], Awaitable[list[T]]]) -> list[T]:
        """What `read` finds in those partitions. Where it was at the last reading it is still: that is read
        at once, and what may have come after it."""
        known, found = self._known.get(uid, set[int]()), list[T]()
        if known:
            there, found = await asyncio.gather(self.read(uid), read(sorted(known)))
        else:
            there = await self.read(uid)
        if more := there - known:
            found = [*found, *await read(sorted(more))]
        if uid not in self._known and len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[uid] = there
        return found

    async def forget(self, uid: str) -> None:
        """Remove the set: there is nothing any more."""
        await self._redis.unlink(self._key(uid))
