"""Following what one writer publishes for all: a hash under a version, by notices and by polling."""

import random
from collections.abc import Callable, Mapping

from services.foundation.logs import log
from services.state import formats
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.notices import POLL_SECONDS, Notices

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
        self._key = key
        self._noun = noun
        self._known_format = known_format
        self._take = take
        self._polled = polled
        self.version = 0
        self.computed = 0.0
        self.unreadable: NewerFormat | None = None
        self.run = Notices(
            connections, channel, noun, look=self.poll, hear=self._heard, rng=rng, poll_seconds=poll_seconds
        ).run

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

    async def _heard(self, _notice: bytes) -> None:
        await self.poll()
