"""What a service gets from its process: telemetry, metrics, background tasks, and a place in the drain."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from services.foundation.access import Access, Permissions, access_of
from services.foundation.expiry import Expiries
from services.foundation.front import Front
from services.foundation.identity.api_keys import KeyRing
from services.foundation.logs import log
from services.foundation.metrics import Metrics
from services.foundation.settings import Settings
from services.foundation.telemetry import Telemetry

Flush = Callable[[], Awaitable[None]]


class Runtime:
    """Lives as long as the process serves. `worker` counts from 0 among the processes that share the port."""

    def __init__(
        self, name: str, settings: Settings, *, worker: int = 0, rng: random.Random | None = None
    ) -> None:
        self.name = name
        self.worker = worker
        self.address = ""
        """host:port that this process answers at; known once it serves."""
        self.rng = rng or random.Random()
        self.metrics = Metrics()
        self.metrics.standing.certificates.read = Expiries(settings).read
        self.telemetry = Telemetry(
            f"turnout-{name}", endpoint=settings.otlp_endpoint, ratio=settings.trace_ratio, rng=self.rng
        )
        self.access: Access | None = None
        """What the server's methods are guarded by; None where access is open."""
        self.front: Front | None = None
        """What stands before the server; nothing does, unless the build of the service says so."""
        self.exit_code = 0
        self._flush_seconds = settings.flush_seconds
        self._flushes: list[Flush] = []
        self._closes: list[Flush] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stop = asyncio.Event()

    def guard(self, settings: Settings, ring: KeyRing, permissions: Permissions) -> bool:
        """Have the server ask `ring` and `permissions` about its callers, if `settings` enforce access;
        returns whether they do. Raises WrongAccessError."""
        self.access = access_of(settings, ring, permissions, self.rng)
        if self.access is None:
            return False
        if self.access.keys is not None:
            self.spawn(self.access.keys.run(), "token keys")
        self.spawn(self.access.streams.run(), "open streams")
        return True

    def on_drain(self, flush: Flush) -> None:
        """Await `flush()` once the last call has ended; the latest registered goes first, as it depends on
        the others. Background tasks still run then."""
        self._flushes.append(flush)

    def on_close(self, close: Flush) -> None:
        """Await `close()` when nothing runs any more, the background tasks included: for what they use, such
        as connections. The latest registered goes first."""
        self._closes.append(close)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run in the background until the end of the drain. If it fails the process goes down with it: a
        service that lost its consumer or its follower must not go on looking healthy."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def stop(self, code: int = 0) -> None:
        """Begin the drain; the process exits with the highest code given."""
        self.exit_code = max(self.exit_code, code)
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether the drain has begun."""
        return self._stop.is_set()

    async def until_stopped(self) -> None:
        """Wait for a signal or a failure."""
        await self._stop.wait()

    async def close(self) -> None:
        """Flush, cancel the background tasks, close what they used, send the last spans."""
        for flush in reversed(self._flushes):
            await self._flush(flush)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for close in reversed(self._closes):
            await self._flush(close)
        await asyncio.to_thread(self.telemetry.close)

    async def _flush(self, flush: Flush) -> None:
        try:
            async with asyncio.timeout(self._flush_seconds):
                await flush()
        except Exception:  # noqa: BLE001 - the others must get their turn; the exit code tells
            log.exception("a flush failed while draining", flush=getattr(flush, "__qualname__", str(flush)))
            self.exit_code = max(self.exit_code, 1)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        log.error("a background task died: going down", task=task.get_name(), exc_info=task.exception())
        self.metrics.background_failures[task.get_name()].inc()
        self.stop(1)
