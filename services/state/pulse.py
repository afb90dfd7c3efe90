"""Whether Redis answers, asked in the background, for the metrics of a process."""

import asyncio
import random
import time

from redis.exceptions import ResponseError

from services.foundation.runtime import Runtime
from services.foundation.standing import Standing
from services.state.connection import Connections
from services.state.errors import StateUnavailable

# A scrape comes every 15 s or so; what it reads is at most this much older.
BEAT_SECONDS = 5.0
# By the names that INFO has for them.
MEMORY = {"used": "used_memory", "limit": "maxmemory"}


class Pulse:
    """Keeps what `standing` shows of Redis true while `run()` runs."""

    def __init__(
        self, connections: Connections, standing: Standing, rng: random.Random, seconds: float = BEAT_SECONDS
    ) -> None:
        self._redis = connections.steady
        # Nodes of a Cluster have a memory each; who runs one watches its nodes.
        self._weighs = not connections.clustered
        self._rng = rng
        self._pause = seconds
        self._up: bool | None = None
        self._seconds: float | None = None
        self._memory: dict[str, float] = {}
        standing.redis_up.read = lambda: () if self._up is None else [((), float(self._up))]
        standing.redis_seconds.read = lambda: () if self._seconds is None else [((), self._seconds)]
        standing.redis_memory.read = lambda: [((kind,), size) for kind, size in list(self._memory.items())]

    async def run(self) -> None:
        """Ask until cancelled. Nothing is logged: whoever needs Redis says what it lacks."""
        while True:
            try:
                await self._ask()
            except StateUnavailable:
                self._up, self._seconds, self._memory = False, None, {}
            # Processes that started together must not ask together.
            await asyncio.sleep(self._pause * (0.75 + self._rng.random() / 2))

    async def _ask(self) -> None:
        begun = time.perf_counter()
        await self._redis.ping()
        self._up, self._seconds = True, time.perf_counter() - begun
        if self._weighs:
            try:
                self._memory = sizes(await self._redis.info("memory"))
            except ResponseError:
                # Managed servers may forbid INFO: then there is nothing to show, and no use in asking again.
                self._weighs = False


def sizes(told: dict[str, int]) -> dict[str, float]:
    """What is used, and the limit where there is one, in bytes.

    >>> sizes({"used_memory": 2_000_000, "maxmemory": 0})
    {'used': 2000000.0}
    """
    return {kind: float(told[name]) for kind, name in MEMORY.items() if told.get(name)}


def watch_redis(runtime: Runtime, connections: Connections) -> None:
    """Show in the process' metrics whether its Redis answers."""
    runtime.spawn(Pulse(connections, runtime.metrics.standing, runtime.rng).run(), "pulse of redis")
