"""The event streams from now on, for whoever watches: one reader per process, however many watch.

It belongs to no group, so entries may be dropped before it has read them: each entry says how many bytes
were appended before it, and where those do not follow on those of the entry before, some were. What they
carried is in the records by then, for only what every group has done is dropped.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.foundation.logs import log
from services.state import keys
from services.state.connection import Connections
from services.state.errors import NewerFormat, StateUnavailable
from services.state.positions import START, order
from services.state.streams import EVENTS
from services.state.waits import Waits

ENTRIES = 64
# Who begins to watch another partition waits so long at most for the read that is under way.
BLOCK_SECONDS = 0.25
BYTES_BEFORE = b"bytes_before"


class Listener(Protocol):
    """Who is told."""

    def hear(self, events: Sequence[PredictionEvent]) -> None:
        """The predictions of an entry."""

    async def missed(self, partition: int, after: str, before: str) -> None:
        """The entries between two positions were dropped before they could be read."""


@dataclass(slots=True)
class Place:
    """Where the reading of a stream stands: the last entry, and the bytes that were appended with it."""

    last: str
    bytes: int


class EventTail:
    """Follows the partitions that somebody asked for. Run `run()` in the background."""

    def __init__(self, connections: Connections, rng: random.Random) -> None:
        self._steady = connections.steady
        self._blocking = connections.blocking
        self._clustered = connections.clustered
        self._rng = rng
        self._watchers = Counter[int]()
        self._places: dict[int, Place] = {}
        self._somebody = asyncio.Event()

    async def follow(self, partition: int) -> None:
        """Read the partition from now on. Raises StateUnavailable."""
        if partition not in self._places:
            place = await self._end(partition)
            # Another may have come first meanwhile: what it has heard it has heard from there.
            self._places.setdefault(partition, place)
        self._watchers[partition] += 1
        self._somebody.set()

    def leave(self, partition: int) -> None:
        """One who followed does so no longer."""
        self._watchers[partition] -= 1
        if not self._watchers[partition]:
            del self._watchers[partition]
            self._places.pop(partition, None)
        if not self._places:
            self._somebody.clear()

    async def run(self, listener: Listener) -> None:
        """Read until cancelled. Nobody watching costs nothing."""
        waits = Waits(self._rng)
        while True:
            await self._somebody.wait()
            try:
                for partition, entries in (await self._read()).items():
                    for name, fields in entries:
                        await self._take(partition, name, fields, listener)
                waits.reset()
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning("events are not followed now", cause=error.facts.get("cause"))
                await asyncio.sleep(waits.next())

    async def _end(self, partition: int) -> Place:
        stream = keys.events(partition)
        async with self._steady.pipeline(transaction=True) as pipe:
            pipe.xrevrange(stream, count=1)
            pipe.hget(keys.totals(stream), "bytes")
            newest, total = await pipe.execute()
        return Place(newest[0][0].decode() if newest else START, int(total or 0))

    async def _read(self) -> Mapping[int, Sequence[tuple[str, Mapping[bytes, bytes]]]]:
        if not self._places:
            # Whoever woke the reader has left before it came to read.
            return {}
        partitions = {keys.events(partition).encode(): partition for partition in self._places}
        streams = {key.decode(): self._places[partition].last for key, partition in partitions.items()}
        if self._clustered:
            # In a Cluster one command cannot wait on several slots.
            reads = [self._steady.xread({key: last}, count=ENTRIES) for key, last in streams.items()]
            found = [one for some in await asyncio.gather(*reads) for one in some]
            if not found:
                await asyncio.sleep(BLOCK_SECONDS / 5)
        else:
            found = await self._blocking.xread(streams, count=ENTRIES, block=int(BLOCK_SECONDS * 1000))
        return {
            partitions[key]: [(name.decode(), fields) for name, fields in entries] for key, entries in found
        }

    async def _take(
        self, partition: int, name: str, fields: Mapping[bytes, bytes], listener: Listener
    ) -> None:
        place = self._places.get(partition)
        # A read may be under way while the last one leaves and another comes.
        if place is None or order(name) <= order(place.last):
            return
        before, payload = int(fields.get(BYTES_BEFORE, b"0")), fields.get(EVENTS.field, b"")
        after, expected = place.last, place.bytes
        place.last, place.bytes = name, before + len(payload)
        try:
            if before > expected:
                await listener.missed(partition, after, name)
        except NewerFormat as strange:
            log.warning("records cannot be read; their predictions are not told", why=str(strange))
        try:
            listener.hear(EVENTS.decode(payload).predictions)
        except (NewerFormat, DecodeError) as strange:
            log.warning("an entry cannot be read; its predictions are not told", why=str(strange))
