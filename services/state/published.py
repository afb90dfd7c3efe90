"""Following what one writer publishes for all: a hash under a version, by notices and by polling."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from services.foundation.logs import log
from services.state import formats
from services.state.connection import Connections
from services.state.errors import NewerFormat, StateUnavailable
from services.state.failures import reaching_redis
from services.state.waits import Waits

# The notice comes within milliseconds, but may get lost; this one always comes.
POLL_SECONDS = 1.0
META = (b"format", b"version", b"computed")


class PublishedHash:
    """Hands the fields of a hash to `take` whenever its version is another one, read in one round trip.

    `version` is that of what was taken last, `computed` when its writer last said that it holds, in seconds
    since 1970 (0 where it does not say). While Redis is away both stay. `polled` is called after each look,
    also one that failed. Run `run()` in the background.
    """

    def __init__(
        self,
        connections: Connections,
        key: str,
        channel: str,
        *,
        noun: str,
        known_format: int,
        take: Callable[[Mapping[bytes, bytes]], None],
        rng: random.Random,
        polled: Callable[[], None] = lambda: None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._redis = connections.steady
        self._blocking = connections.blocking
        self._key = key
        self._channel = channel
        self._noun = noun
        self._known_format = known_format
        self._take = take
        self._polled = polled
        self._rng = rng
        self._poll_seconds = poll_seconds
        self.version = 0
        self.computed = 0.0
        self.unreadable: NewerFormat | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        waits = Waits(self._rng, longest=self._poll_seconds)
        while True:
            try:
                async with self._blocking.pubsub() as channel:
                    with reaching_redis():
                        await channel.subscribe(self._channel)
                    while True:
                        await self.poll()
                        waits.reset()
                        await self._noticed(channel)
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning("what is published is not followed now", what=self._noun, why=str(error))
                await asyncio.sleep(waits.next())

    async def poll(self) -> None:
        """Look once. Raises StateUnavailable."""
        try:
            await self._look()
        finally:
            self._polled()

    async def _look(self) -> None:
        version, computed = await self._redis.hmget(self._key, ["version", "computed"])
        self.computed = float(computed or 0)
        # Not "less": a store that was restored from a copy may be behind.
        if int(version or 0) == self.version:
            return
        fields = await self._redis.hgetall(self._key)
        try:
            formats.check(self._noun, int(fields.get(b"format", 0)), self._known_format)
        except NewerFormat as error:
            if self.unreadable is None:
                log.error("cannot read what is published; the former stays", what=self._noun, why=str(error))
            self.unreadable = error
            return
        self.unreadable = None
        self.version = int(fields.get(b"version", 0))
        self._take({field: value for field, value in fields.items() if field not in META})

    async def _noticed(self, channel: Any) -> None:
        """Wait for a notice, or until it is time to look all the same."""
        seconds = self._poll_seconds * (0.5 + self._rng.random() / 2)
        with suppress(TimeoutError), reaching_redis():
            await channel.get_message(ignore_subscribe_messages=True, timeout=seconds)
