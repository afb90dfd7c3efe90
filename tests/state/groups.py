"""Members of a consumer group for tests: what they were handed, and how to make one vanish."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from turnout.inference.v1.event_pb2 import EventBatch

from services.state import formats, keys
from services.state.connection import Connections
from services.state.consumer import Entry, PartitionConsumer
from services.state.fenced import Fence
from services.state.ownership import Ownership
from services.state.streams import EVENTS, Stream

Handle = Callable[[int, Fence, Sequence[Entry[EventBatch]]], Awaitable[None]]
# Short, so that tests need not wait; long enough for two busy cores.
LEASE = 1.0


def batch_of(payload: bytes) -> EventBatch:
    """A batch as it is."""
    batch = EventBatch.FromString(payload)
    formats.check("event batch", batch.format, formats.EVENT_BATCH)
    return batch


BOTH = Stream("events", EVENTS.key, EVENTS.field, EVENTS.groups, batch_of)
ALONE = Stream("events", EVENTS.key, EVENTS.field, ("drift",), batch_of)


class Member:
    """A process of a group: `seen` has every (partition, entry id, sequence) in the order of handling."""

    def __init__(
        self,
        connections: Connections,
        name: str,
        handle: Handle | None = None,
        *,
        stream: Stream[EventBatch] = ALONE,
        group: str = "drift",
        **options: Any,
    ) -> None:
        rng = random.Random(name)
        self.seen: list[tuple[int, str, int]] = []
        self._handle = handle
        self.ownership = Ownership(connections, group, name, rng=rng, lease_seconds=LEASE)
        self.consumer = PartitionConsumer(connections, self.ownership, stream, self._take, rng=rng, **options)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.ensure_future(self.ownership.run()),
            asyncio.ensure_future(self.consumer.run()),
        ]

    async def vanish(self) -> None:
        """Stop as a killed process does: nothing is handed over."""
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        self._tasks = []

    def sequences(self, partition: int) -> list[int]:
        return [sequence for where, _, sequence in self.seen if where == partition]

    async def _take(self, partition: int, fence: Fence, entries: Sequence[Entry[EventBatch]]) -> None:
        if self._handle is not None:
            await self._handle(partition, fence, entries)
        self.seen += [(partition, entry.id, entry.message.sequence) for entry in entries]


@asynccontextmanager
async def members(*those: Member) -> AsyncIterator[None]:
    for one in those:
        one.start()
    try:
        yield
    finally:
        for one in those:
            await one.vanish()


async def append(connections: Connections, partition: int, *sequences: int) -> list[str]:
    """Batches as a stream has them, without a writer's bookkeeping."""
    stream = keys.events(partition)
    found: list[str] = []
    for sequence in sequences:
        batch = EventBatch(format=formats.EVENT_BATCH, writer="test", sequence=sequence)
        entry: Any = await connections.steady.xadd(stream, {EVENTS.field: batch.SerializeToString()})
        found.append(entry.decode())
        await connections.steady.hincrby(keys.totals(stream), "entries", 1)
    return found
