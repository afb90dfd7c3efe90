"""Events on their way to Redis: put in a microsecond, sent in batches, kept on disk while Redis is away.

A batch is encoded once and keeps its sequence whatever happens: sent at once, and if Redis refuses it or
nobody knows, spooled and sent again until the stream has it. While the spool holds batches of a partition,
new ones queue behind them.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.foundation.metrics import Metrics
from services.state.connection import Connections
from services.state.delivery import ROUND_BYTES, Delivery
from services.state.errors import StateUnavailable
from services.state.events import STREAM_BYTES
from services.state.flushes import Flushes, not_stored
from services.state.pending import Pending
from services.state.spool import Spool
from services.state.waits import Waits

MEMORY_BYTES = 64 * 1024 * 1024
SPOOL_BYTES = 256 * 1024 * 1024
# A caller who asked to wait for the log waits at most so long.
FLUSH_SECONDS = 1.0
# How long the end of the process may wait for Redis before the rest goes to the disk.
CLOSE_SECONDS = 2.0
# The label of the metrics.
STREAM = "events"


class EventWriter:
    """Writes the events of one process. `writer` is a uid of the process: never reused, safe in a file name.

    batch_seconds, batch_events: a batch leaves after so long, or when so many events wait; memory_bytes,
    spool_bytes, stream_bytes: caps of what waits in memory, on disk and in a partition's stream; `clock` is
    the wall clock in ns since 1970; `rng` spreads retries.
    """

    def __init__(
        self,
        connections: Connections,
        spool_dir: str | Path,
        *,
        writer: str,
        metrics: Metrics | None = None,
        batch_seconds: float = 0.02,
        batch_events: int = 256,
        memory_bytes: int = MEMORY_BYTES,
        spool_bytes: int = SPOOL_BYTES,
        stream_bytes: int = STREAM_BYTES,
        clock: Callable[[], int] = time.time_ns,
        rng: random.Random | None = None,
    ) -> None:
        self._metrics = metrics
        self._batch_seconds = batch_seconds
        self._batch_events = batch_events
        self._pending = Pending(writer, memory_bytes, clock)
        self._spool = Spool(Path(spool_dir), writer, most_bytes=spool_bytes, clock=clock)
        self._flushes = Flushes()
        self._delivery = Delivery(
            connections,
            self._spool,
            self._flushes,
            Waits(rng or random.Random()),
            writer=writer,
            stream_bytes=stream_bytes,
            clock=clock,
        )
        self._some = asyncio.Event()
        self._hurry = asyncio.Event()
        self._closing = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._reported = (0, 0)

    @property
    def queued(self) -> int:
        """Events in memory."""
        return self._pending.count + sum(batch.events for batch in self._delivery.flying)

    @property
    def spooled(self) -> int:
        """Events on disk, those of dead writers included."""
        return self._spool.events

    @property
    def written(self) -> int:
        """Events of this writer that Redis has."""
        return self._delivery.written

    @property
    def dropped(self) -> int:
        """Events lost for want of room; a gap counts each."""
        return self._pending.dropped + self._spool.dropped + self._delivery.dropped

    def put(self, partition: int, event: bytes) -> None:
        """Let a serialized PredictionEvent join the next batch. Never waits, never fails."""
        self._pending.put(partition, event, len(event))
        self._wake()

    def put_participant(self, partition: int, event: bytes) -> None:
        """The same for a serialized ParticipantEvent; it stays behind what was put before it."""
        self._pending.put(partition, (event,), len(event))
        self._wake()

    async def flush(self, partition: int | None = None, *, seconds: float = FLUSH_SECONDS) -> None:
        """Return when everything put before (for one partition, or for all) is in Redis.

        Raises StateUnavailable when that did not happen within `seconds`, or cannot happen any more.
        """
        wanted = self._pending.through()
        if partition is not None:
            wanted = {partition: wanted.get(partition, 0)}
        if any(self._pending.has_lost(one) for one in wanted):
            raise not_stored()
        self._hurry.set()
        await self._flushes.wait(wanted, seconds)

    async def run(self) -> None:
        """Write until `close`, after which it returns. Raises OSError when there can be no spool."""
        if self._closing.is_set():
            return
        self._idle.clear()
        tasks: list[asyncio.Task[Any]] = []
        try:
            await self._delivery.open()
            works = (self._gather(), self._delivery.drain(self._report), self._closing.wait())
            tasks += [asyncio.create_task(work) for work in works]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._idle.set()

    async def close(self) -> None:
        """Write what is left, or spool it; what is put from now on is dropped. Call it once."""
        self._pending.stop()
        if not self._delivery.away and not self._idle.is_set():
            with suppress(StateUnavailable):
                await self.flush(seconds=CLOSE_SECONDS)
        self._closing.set()
        await self._idle.wait()
        await self._write_rest()
        await self._delivery.close()
        self._report()

    def _wake(self) -> None:
        count = self._pending.count
        if count <= 1:
            self._some.set()
        elif count >= self._batch_events:
            self._hurry.set()

    async def _gather(self) -> None:
        while True:
            await self._some.wait()
            if not self._hurry.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._batch_seconds):
                        await self._hurry.wait()
            batches = self._pending.seal(self._batch_events, ROUND_BYTES)
            if self._pending.empty:
                self._some.clear()
            if self._pending.count < self._batch_events:
                self._hurry.clear()
            for partition, loss in await self._delivery.deliver(batches):
                self._pending.lose(partition, loss)
            self._report()

    async def _write_rest(self) -> None:
        # First the round that was cut short: its batches come before all others of their partitions.
        rounds = [self._delivery.flying] if self._delivery.flying else []
        while not self._pending.empty:
            rounds.append(self._pending.seal(self._batch_events, ROUND_BYTES))
        if rounds:
            await self._delivery.open()
        for batches in rounds:
            await self._delivery.deliver(batches)

    def _report(self) -> None:
        if self._metrics is None:
            return
        written, dropped = self._reported
        self._reported = self.written, self.dropped
        self._metrics.events_written[STREAM].inc(self.written - written)
        self._metrics.events_dropped[STREAM].inc(self.dropped - dropped)
        self._metrics.events_queued[STREAM].set(self.queued)
        self._metrics.events_spooled[STREAM].set(self.spooled)
