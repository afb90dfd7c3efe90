"""Predictions as they are made: one reading of the event streams, a bounded buffer for each who watches."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.router_service_pb2 import WatchPredictionsResponse

from services.state.catalog import CatalogFollower
from services.state.ids import partition_for
from services.state.positions import order, time_at
from services.state.tail import EventTail
from services.state.walk import RecordWalk

# What waits for a slow watcher at most; the rest he is told the number of.
MOST_WAITING = 1000
MOST_BYTES = 4 * 1024 * 1024
# Events travel in batches: a prediction is somewhat older than the entry that carries it.
OLDER_SECONDS = 10.0

Wants = Callable[[PredictionEvent], bool]


class Watcher:
    """One who watches: what waits for him, and how much he has been spared."""

    def __init__(self, wants: Wants, most: int = MOST_WAITING, most_bytes: int = MOST_BYTES) -> None:
        self._wants = wants
        self._most = most
        self._most_bytes = most_bytes
        self._waiting = deque[tuple[WatchPredictionsResponse, int]]()
        self._bytes = 0
        self._skipped = 0
        self._stirred = asyncio.Event()
        self._ended = False

    def offer(self, event: PredictionEvent) -> None:
        """Let a prediction wait for him, if he wants it and there is room."""
        if self._ended or not self._wants(event):
            return
        size = event.ByteSize()
        # One prediction of any size always fits: else he who watches large ones would never see any.
        full = len(self._waiting) >= self._most or self._bytes + size > self._most_bytes
        if full and self._waiting:
            self._skipped += 1
            return
        self._waiting.append((WatchPredictionsResponse(prediction=event, skipped=self._skipped), size))
        self._bytes += size
        self._skipped = 0
        self._stirred.set()

    def end(self) -> None:
        """Nothing more comes once what waits has been taken."""
        self._ended = True
        self._stirred.set()

    async def next(self) -> WatchPredictionsResponse | None:
        """The next one; None at the end."""
        while not self._waiting:
            if self._ended:
                return None
            self._stirred.clear()
            await self._stirred.wait()
        told, size = self._waiting.popleft()
        self._bytes -= size
        return told


class Feed:
    """Tells watchers of the predictions of their routers. Run `run()` in the background."""

    def __init__(self, tail: EventTail, records: RecordWalk, catalog: CatalogFollower) -> None:
        self._tail = tail
        self._records = records
        self._watchers = defaultdict[str, set[Watcher]](set)
        self._closed = False
        catalog.listen(self._changed)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._tail.run(self)

    def close(self) -> None:
        """End all watches, as the process does."""
        self._closed = True
        for watchers in self._watchers.values():
            for one in watchers:
                one.end()

    async def watch(self, router_uid: str, wants: Wants) -> AsyncGenerator[WatchPredictionsResponse, None]:
        """A router's predictions from now on, until it is deleted or the process drains.

        Raises StateUnavailable if Redis cannot be asked where now is.
        """
        partition, watcher = partition_for(router_uid), Watcher(wants)
        await self._tail.follow(partition)
        self._watchers[router_uid].add(watcher)
        try:
            if self._closed:
                return
            while (told := await watcher.next()) is not None:
                yield told
        finally:
            self._watchers[router_uid].discard(watcher)
            if not self._watchers[router_uid]:
                del self._watchers[router_uid]
            self._tail.leave(partition)

    def hear(self, events: Sequence[PredictionEvent]) -> None:
        """Hand predictions to those who watch their routers."""
        for event in events:
            for watcher in self._watchers.get(event.router_uid, ()):
                watcher.offer(event)

    async def missed(self, partition: int, after: str, before: str) -> None:
        """Hand on what the records have of entries that were gone before they could be read."""
        first, last = order(after), order(before)
        # An empty stream has no position that says when; its entries are of just now.
        start = (time_at(after) if first[0] else time_at(before)) - OLDER_SECONDS
        for uid in [uid for uid in self._watchers if partition_for(uid) == partition]:
            async for records in self._records.walk(uid, max(0.0, start), time_at(before) + 1):
                self.hear([one.event for one in records if first < order(one.entry_id) < last])

    def _changed(self, kind: str, uid: str, message: Any) -> None:
        if kind == "routers" and message is None:
            for watcher in self._watchers.get(uid, ()):
                watcher.end()
