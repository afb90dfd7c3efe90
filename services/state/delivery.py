"""Sealed batches on their way: to Redis at once, or by way of the disk.

The disk is only touched in a thread of its own: appending some kilobytes takes microseconds until the page
cache is full, and then seconds.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from turnout.inference.v1.event_pb2 import EventBatch

from services.foundation.logs import log
from services.state.connection import Connections
from services.state.errors import StateUnavailable
from services.state.events import Batch, Loss, append_many, times
from services.state.failures import MappedRedis
from services.state.flushes import Flushes
from services.state.spool import Spool
from services.state.spool_facts import Facts, Key
from services.state.waits import Waits

T = TypeVar("T")
P = ParamSpec("P")

# Little enough to cross a socket well within the patience of the connections.
ROUND_BYTES = 4 * 1024 * 1024
# A full stream is asked again when its readers had time to do something.
FULL_SECONDS = 0.5


class Delivery:
    """Brings batches of `writer` to Redis; each partition's in the order of their sequences.

    written: events that Redis has; dropped: events that neither Redis nor the disk could take.
    """

    def __init__(
        self,
        connections: Connections,
        spool: Spool,
        flushes: Flushes,
        waits: Waits,
        *,
        writer: str,
        stream_bytes: int,
        clock: Callable[[], int],
    ) -> None:
        self.written = 0
        self.dropped = 0
        # Between memory and wherever they end: what a cancelled round must not forget.
        self.flying: Sequence[Batch] = ()
        self.away = False
        self._connections = connections
        self._spool = spool
        self._flushes = flushes
        self._waits = waits
        self._writer = writer
        self._stream_bytes = stream_bytes
        self._clock = clock
        self._full: dict[Key, float] = {}
        self._backlog = asyncio.Event()
        # One thread, so that the spool needs no lock.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="turnout-spool")

    async def open(self) -> None:
        """Make the spool ready. Raises OSError if there can be none."""
        await self._on_disk(self._spool.open)

    async def close(self) -> None:
        """Let go of the disk; what is there stays for the next writer."""
        await self._on_disk(self._spool.close)
        self._disk.shutdown(wait=False)

    async def deliver(self, batches: Sequence[Batch]) -> list[tuple[int, Loss]]:
        """Send batches, at most one per partition, or spool them; returns what was lost, by partition."""
        self.flying = batches
        # With nothing on disk nobody else finds out whether Redis is back.
        behind = self.away and self._spool.batches > 0
        direct = [one for one in batches if not (behind or self._spool.holds(one.partition))]
        # A busy loop reads a reply late: an impatient client would spool, and send twice, all that it sends.
        stored = await self._send(direct, self._connections.steady)
        refused = [one for one, has in zip(direct, stored, strict=True) if not has]
        queued = [one for one in batches if one not in direct]
        self.flying = refused + queued
        lost = []
        for rest, tried in ((refused, True), (queued, False)):
            if rest:
                lost += await self._keep(rest, tried=tried)
        self.flying = ()
        return lost

    async def drain(self, told: Callable[[], None]) -> None:
        """Bring the spool to Redis for as long as the process lives, beginning with what dead writers left;
        `told` is called after each round. Raises OSError if the disk cannot be read."""
        dropped = await self._on_disk(self._spool.take_over)
        if self._spool.batches or dropped:
            log.info("taking over events of dead writers", events=self._spool.events, too_old=len(dropped))
        while True:
            if not self._spool.batches:
                self._backlog.clear()
                await self._backlog.wait()
            await self._drain_round()
            told()

    async def _drain_round(self) -> None:
        now = asyncio.get_running_loop().time()
        full = {key for key, until in self._full.items() if until > now}
        heads = await self._on_disk(self._spool.heads, ROUND_BYTES, full)
        stored = await self._send(heads, self._connections.steady)
        await self._on_disk(self._spool.remove, [one for one, has in zip(heads, stored, strict=True) if has])
        if self.away:
            await asyncio.sleep(self._waits.next())
            return
        for batch, has in zip(heads, stored, strict=True):
            self._note_full((batch.partition, batch.writer), None if has else now + FULL_SECONDS)
        if not any(stored):
            await asyncio.sleep(FULL_SECONDS)

    async def _send(self, batches: Sequence[Batch], redis: MappedRedis) -> list[bool]:
        """Which of the batches Redis has by now."""
        if not batches:
            return []
        try:
            outcomes = await append_many(redis, batches, most_bytes=self._stream_bytes)
        except StateUnavailable as error:
            self._note_away(str(error.facts.get("cause")))
            return [False] * len(batches)
        self._note_away(None)
        for batch, outcome in zip(batches, outcomes, strict=True):
            if outcome.stored and batch.writer == self._writer:
                self.written += batch.events
                self._flushes.advance(batch.partition, batch.through)
        return [outcome.stored for outcome in outcomes]

    async def _keep(self, batches: Sequence[Batch], *, tried: bool) -> list[tuple[int, Loss]]:
        dropped, unkept = await self._on_disk(self._append, batches, tried)
        self._backlog.set()
        for facts in dropped:
            if facts.writer == self._writer:
                self._flushes.lose(facts.partition)
        lost = []
        for batch in unkept:
            self._flushes.lose(batch.partition)
            self.dropped += batch.events
            span = times(EventBatch.FromString(batch.payload), self._clock())
            lost.append((batch.partition, Loss(batch.events + batch.lost, *span)))
        return lost

    def _append(self, batches: Iterable[Batch], tried: bool) -> tuple[list[Facts], list[Batch]]:
        dropped: list[Facts] = []
        unkept: list[Batch] = []
        for batch in batches:
            try:
                dropped += self._spool.append(batch, tried=tried)
            except OSError as error:
                log.error("events cannot be spooled", events=batch.events, why=str(error))
                unkept.append(batch)
        if dropped:
            log.error("the spool is full: the oldest events are dropped", batches=len(dropped))
        return dropped, unkept

    def _note_away(self, why: str | None) -> None:
        if why and not self.away:
            log.warning("events wait on disk: Redis does not take them", cause=why)
        elif not why and self.away:
            log.info("Redis takes events again", spooled=self._spool.events)
        if not why:
            self._waits.reset()
        self.away = bool(why)

    def _note_full(self, key: Key, until: float | None) -> None:
        if until is None:
            self._full.pop(key, None)
            return
        if key not in self._full:
            log.warning("an event stream is full: its readers are behind", partition=key[0])
        self._full[key] = until

    async def _on_disk(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, lambda: work(*args, **named))
