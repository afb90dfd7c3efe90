"""Reading the streams of the partitions that this process leads: in order, each entry until it is done."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from services.foundation.errors import Unavailable
from services.foundation.logs import log
from services.state.connection import Connections
from services.state.errors import LostLease, NewerFormat, StateUnavailable
from services.state.fenced import Fence
from services.state.group import Group, Raw, RawEntry
from services.state.ownership import Ownership
from services.state.streams import Stream
from services.state.tries import Tries
from services.state.waits import Waits

T = TypeVar("T")

# An entry is up to 256 events; more at once would make a handler's writes large and a redelivery dear.
ENTRIES = 16
# A new partition is read at the next read at the latest.
BLOCK = 0.25
DELIVERIES = 5


class Entry(NamedTuple, Generic[T]):
    """An entry of a stream: its id, which orders it, and what it carries."""

    id: str
    message: T


Handler = Callable[[int, Fence, Sequence[Entry[T]]], Awaitable[None]]


@dataclass(slots=True)
class Place:
    """Where the owner of a partition stands in its stream.

    last: id of the last entry done; uncommitted: entries done that Redis does not know of; suspect: the next
    entry may be one that cannot be handled, so it goes alone and its tries are counted; until: loop time
    before which the partition rests.
    """

    fence: Fence
    last: str
    waits: Waits
    uncommitted: int = 0
    suspect: bool = True
    until: float = 0.0


class PartitionConsumer(Generic[T]):
    """Hands the entries of one stream, in order, to `handler(partition, fence, entries)`.

    The handler's writes go through scripts that check the fence; when it returns, the entries are done. If it
    raises, they come again, the first one alone; after `deliveries` tries that one goes to the dead letters.
    Unavailable and NewerFormat are not the entry's fault and are waited out. Each entry comes at least once,
    and again only after a failure or under a new owner; never after its successors. Run `run()` in the
    background, beside the ownership's.
    """

    def __init__(
        self,
        connections: Connections,
        ownership: Ownership,
        stream: Stream[T],
        handler: Handler[T],
        *,
        rng: random.Random,
        entries: int = ENTRIES,
        deliveries: int = DELIVERIES,
    ) -> None:
        self.stream = stream
        self.handled = 0
        self.buried = 0
        self._group = Group(connections, ownership.group, stream)
        self._tries = Tries(self._group)
        self._ownership = ownership
        self._handler = handler
        self._rng = rng
        self._entries = entries
        self._deliveries = deliveries
        self._places: dict[int, Place] = {}
        self._busy: set[int] = set()
        self._rested = asyncio.Condition()
        ownership.register(self)

    async def run(self) -> None:
        """Consume until cancelled."""
        waits = Waits(self._rng)
        while True:
            try:
                await self._cycle()
                waits.reset()
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning(
                        "a stream is not read now", stream=self.stream.name, cause=error.facts.get("cause")
                    )
                await asyncio.sleep(waits.next())

    async def lag(self) -> dict[int, int]:
        """Entries that the group has not done, by partition; of all partitions, whoever leads them."""
        return await self._group.lag()

    def busy(self, partition: int) -> bool:
        """Whether the handler works on the partition."""
        return partition in self._busy

    async def idle(self) -> None:
        """Wait until the handler works on no partition that is another's."""
        async with self._rested:
            await self._rested.wait_for(lambda: not self._busy - self._ownership.owned.keys())

    async def _cycle(self) -> None:
        await self._settle()
        now = asyncio.get_running_loop().time()
        ready = {one: place.last for one, place in self._places.items() if place.until <= now}
        if not ready:
            # Nothing to read: either nothing is ours, or all of it rests.
            await self._ownership.changed(dict(self._ownership.owned), BLOCK)
            return
        found = await self._group.read(ready, self._entries, BLOCK)
        await asyncio.gather(*(self._deliver(partition, raw) for partition, raw in found.items()))

    async def _settle(self) -> None:
        """Find the places of partitions that are new here, forget former ones, commit what could not be."""
        await self._tries.settle()
        owned = dict(self._ownership.owned)
        self._places = {
            one: place
            for one, place in self._places.items()
            if one in owned and place.fence.token == str(owned[one])
        }
        for partition in owned.keys() - self._places.keys():
            fence = Fence.of(partition, self._ownership.group, owned[partition])
            last = await self._group.open(partition, fence)
            if last is not None:
                self._places[partition] = Place(fence, last, Waits(self._rng))
        for partition, place in list(self._places.items()):
            if place.uncommitted:
                await self._commit(partition, place)

    async def _deliver(self, partition: int, raw: Raw) -> None:
        place = self._places[partition]
        if str(self._ownership.owned.get(partition)) != place.fence.token:
            return
        self._busy.add(partition)
        try:
            await self._handle(partition, place, raw)
            place.waits.reset()
        except LostLease:
            self._places.pop(partition, None)
        except (Unavailable, NewerFormat) as error:
            self._rest(place, partition, error)
        except Exception as error:  # noqa: BLE001 (whatever it is, it must not stop the other partitions)
            log.exception("an entry was not handled", stream=self.stream.name, partition=partition)
            place.suspect = True
            self._rest(place, partition, error)
        finally:
            async with self._rested:
                self._busy.discard(partition)
                self._rested.notify_all()

    async def _handle(self, partition: int, place: Place, raw: Raw) -> None:
        if place.suspect:
            raw = raw[:1]
            if await self._poisonous(partition, place, raw[0]):
                return
        try:
            entries = [Entry(one.id, self.stream.decode(one.payload)) for one in raw]
            await self._handler(partition, place.fence, entries)
        except (Unavailable, NewerFormat):
            raise
        except Exception as error:
            if place.suspect:
                await self._tries.fail(partition, f"{type(error).__name__}: {error}")
            raise
        self.handled += len(raw)
        await self._advance(partition, place, raw)

    async def _poisonous(self, partition: int, place: Place, one: RawEntry) -> bool:
        """Counts a try of an entry. Returns True, and has buried it, if there were too many."""
        tries, why = await self._tries.begin(partition, place.fence, one.id)
        if tries <= self._deliveries:
            return False
        why = why or "whoever handled it died"
        log.error("gave up on an entry", stream=self.stream.name, partition=partition, entry=one.id, why=why)
        await self._group.bury(partition, place.fence, one, why)
        self.buried += 1
        await self._advance(partition, place, [one])
        return True

    async def _advance(self, partition: int, place: Place, done: Raw) -> None:
        place.last, place.suspect = done[-1].id, False
        place.uncommitted += len(done)
        await self._commit(partition, place)

    async def _commit(self, partition: int, place: Place) -> None:
        # If Redis is away, the entries are done all the same: committed later, not handled again.
        await self._group.commit(partition, place.fence, place.last, place.uncommitted)
        place.uncommitted = 0
        self._tries.forget(partition)

    def _rest(self, place: Place, partition: int, error: Exception) -> None:
        if not place.waits.waiting:
            log.warning("a partition rests", stream=self.stream.name, partition=partition, why=str(error))
        place.until = asyncio.get_running_loop().time() + place.waits.next()
