"""A consumer group's place in a stream, moved by the owner of the partition only.

The place is the group's last-delivered-id. Entries are read with XREAD from there, not with XREADGROUP: that
would hand entries to whoever asks, also to a former owner whose read was still waiting, and the next owner
would get them late and out of order. Handlers skip by entry id what they have counted, so an entry that came
after its successors would be lost to them.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from services.state import keys
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.ids import PARTITIONS
from services.state.positions import time_at
from services.state.scripts import Arg, Script
from services.state.streams import Stream

T = TypeVar("T")

OPEN_GROUP = Script("open_group", repeatable=True)
COMMIT = Script("commit", repeatable=True)
COUNT_TRIES = Script("count_tries", repeatable=True)
BURY = Script("bury")

ATTEMPTS_MS = 24 * 3600 * 1000
MOST_DEAD_LETTERS = 1000
DEAD_LETTERS_MS = 30 * 24 * 3600 * 1000
WHY_LENGTH = 500


class RawEntry(NamedTuple):
    """An entry as it lies in the stream."""

    id: str
    payload: bytes


Raw = list[RawEntry]


class Group(Generic[T]):
    """One group's reading of one stream, in every partition. What changes anything raises LostLease."""

    def __init__(self, connections: Connections, name: str, stream: Stream[T]) -> None:
        self._name = name
        self._stream = stream
        self._steady = connections.steady
        self._blocking = connections.blocking
        self._clustered = connections.clustered

    async def open(self, partition: int, fence: Fence) -> str | None:
        """Id of the last entry done, making group and stream where there are none; None if fenced out."""
        stream = self._stream.key(partition)
        named = [stream, fence.key, keys.totals(stream)]
        last = await OPEN_GROUP(self._steady, named, [fence.token, self._name])
        return last.decode() if last else None

    async def read(self, places: Mapping[int, str], count: int, seconds: float) -> dict[int, Raw]:
        """At most `count` entries after each place, by partition; waits for the first one at most
        `seconds`."""
        partitions = {self._stream.key(partition).encode(): partition for partition in places}
        streams = {key.decode(): places[partition] for key, partition in partitions.items()}
        if self._clustered:
            found = await self._read_slots(streams, count, seconds)
        else:
            found = await self._blocking.xread(streams, count=count, block=max(1, int(seconds * 1000)))
        return {
            partitions[key]: [
                RawEntry(name.decode(), fields.get(self._stream.field, b"")) for name, fields in some
            ]
            for key, some in found
        }

    async def commit(self, partition: int, fence: Fence, last: str, done: int) -> None:
        """Everything up to `last` is done, `done` entries; what all groups have done is dropped."""
        stream = self._stream.key(partition)
        named = [stream, fence.key, keys.attempts(stream, self._name), keys.totals(stream)]
        if not await COMMIT(self._steady, named, [fence.token, self._name, last, done, *self._stream.groups]):
            raise lost(fence)

    async def tries(
        self, partition: int, fence: Fence, entry: str, own: int, why: str = ""
    ) -> tuple[int, str]:
        """Set how often this owner has tried an entry, and why the last try failed if it did.

        Returns the tries of all owners, and why the last one failed. A former owner can only lower its own
        number, and still is told LostLease.
        """
        named = [fence.key, keys.attempts(self._stream.key(partition), self._name)]
        args: list[Arg] = [fence.token, entry, own, why[:WHY_LENGTH], ATTEMPTS_MS]
        counted = await COUNT_TRIES(self._steady, named, args)
        if counted is None:
            raise lost(fence)
        return counted[0], counted[1].decode()

    async def bury(self, partition: int, fence: Fence, entry: RawEntry, why: str) -> None:
        """Keep a copy of an entry among the dead letters, with the reason."""
        stream = self._stream.key(partition)
        named = [keys.dead_letters(stream), fence.key]
        about: list[Arg] = [fence.token, self._name, entry.id, entry.payload, why]
        if not await BURY(self._steady, named, [*about, MOST_DEAD_LETTERS, DEAD_LETTERS_MS]):
            raise lost(fence)

    async def lag(self) -> dict[int, int]:
        """Entries that are not done, by partition, of all that have any."""
        async with self._steady.pipeline() as pipe:
            for partition in range(PARTITIONS):
                pipe.hmget(keys.totals(self._stream.key(partition)), "entries", f"done:{self._name}")
            counts = await pipe.execute()
        lags = {one: int(entries or 0) - int(done or 0) for one, (entries, done) in enumerate(counts)}
        return {partition: lag for partition, lag in lags.items() if lag > 0}

    async def lag_at(self, partition: int) -> int:
        """Entries of one partition that are not done."""
        totals = keys.totals(self._stream.key(partition))
        entries, done = await self._steady.hmget(totals, ["entries", f"done:{self._name}"])
        return max(0, int(entries or 0) - int(done or 0))

    async def frontier(self, partition: int, now: float) -> float:
        """Up to when all entries that were appended are done, in seconds since 1970; `now` where none is
        left."""
        if not await self.lag_at(partition):
            return now
        groups: Any = await self._steady.xinfo_groups(self._stream.key(partition))
        done = [one["last-delivered-id"] for one in groups if one["name"] == self._name.encode()]
        return min(time_at(done[0].decode()), now) if done else 0.0

    async def _read_slots(self, streams: Mapping[str, str], count: int, seconds: float) -> list[Any]:
        # In a Cluster one command cannot wait on several slots.
        reads = [self._steady.xread({key: last}, count=count) for key, last in streams.items()]
        found = [entry for some in await asyncio.gather(*reads) for entry in some]
        if not found:
            await asyncio.sleep(min(seconds, 0.05))
        return found
