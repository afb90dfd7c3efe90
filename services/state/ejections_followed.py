"""Following what other replicas eject: by notices that carry everything, and by polls in case one is lost."""

import asyncio
import random
from collections.abc import Callable, Sequence

from redis.asyncio.client import PubSub

from services.foundation.logs import log
from services.state import keys
from services.state.connection import Connections
from services.state.ejections import Ejections, Entry
from services.state.errors import StateUnavailable
from services.state.failures import reaching_redis
from services.state.waits import Waits

POLL_SECONDS = 1.0

# (ms of Redis' clock, what was read at that time)
OnEntries = Callable[[int, Sequence[Entry]], None]


class EjectionFollower:
    """Calls `on_entries` with each notice, and with all entries about once in `poll_seconds`. Run `run()` in
    the background; while Redis is away nothing is called."""

    def __init__(
        self,
        connections: Connections,
        ejections: Ejections,
        *,
        on_entries: OnEntries,
        rng: random.Random,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._blocking = connections.blocking
        self._ejections = ejections
        self._on_entries = on_entries
        self._rng = rng
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """Follow until cancelled."""
        waits = Waits(self._rng, longest=self._poll_seconds)
        while True:
            try:
                async with self._blocking.pubsub() as channel:
                    with reaching_redis():
                        await channel.subscribe(keys.ejections_channel())
                    while True:
                        await self.poll()
                        waits.reset()
                        await self._listen(channel)
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning("ejections are not followed now", cause=error.facts.get("cause"))
                await asyncio.sleep(waits.next())

    async def poll(self) -> None:
        """Read everything once. Raises StateUnavailable."""
        self._on_entries(*await self._ejections.read())

    async def _listen(self, channel: PubSub) -> None:
        """Take in what is announced until it is time to poll."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._poll_seconds * (0.5 + self._rng.random() / 2)
        while (left := until - clock()) > 0:
            with reaching_redis():
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=left)
            entry = self._ejections.heard(message["data"]) if message is not None else None
            if entry is not None:
                self._on_entries(entry.now, [entry])
