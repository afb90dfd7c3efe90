"""Following what others announce: by their notices, and by looking all the same, as a notice may get lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from redis.asyncio.client import PubSub

from services.foundation.logs import log
from services.state.connection import Connections
from services.state.errors import NewerFormat, StateUnavailable
from services.state.failures import reaching_redis
from services.state.waits import Waits

# A notice comes within milliseconds, and a look always comes.
POLL_SECONDS = 1.0


class Notices:
    """Calls `hear` with each notice of a channel, and `look` first, then at least once in `poll_seconds`,
    and whenever Redis is back. Both may raise StateUnavailable and NewerFormat. `what` is followed is a word
    for the log. Run `run()` in the background.
    """

    def __init__(
        self,
        connections: Connections,
        channel: str,
        what: str,
        *,
        look: Callable[[], Awaitable[None]],
        hear: Callable[[bytes], Awaitable[None]],
        rng: random.Random,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._blocking = connections.blocking
        self._channel = channel
        self._what = what
        self._look = look
        self._hear = hear
        self._rng = rng
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """Follow until cancelled."""
        waits = Waits(self._rng, longest=self._poll_seconds)
        while True:
            try:
                async with self._blocking.pubsub() as channel:
                    # Before the first look: what changes in between is then heard of twice, not missed.
                    with reaching_redis():
                        await channel.subscribe(self._channel)
                    while True:
                        await self._look()
                        waits.reset()
                        await self._listen(channel)
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning("not followed now", what=self._what, cause=error.facts.get("cause"))
                await asyncio.sleep(waits.next())
            except NewerFormat as error:
                if not waits.waiting:
                    log.error("cannot be read; the former stays", what=self._what, why=str(error))
                await asyncio.sleep(waits.next())

    async def _listen(self, channel: PubSub) -> None:
        """Take in what is announced until it is time to look."""
        clock = asyncio.get_running_loop().time
        # Replicas that started together must not look together.
        until = clock() + self._poll_seconds * (0.5 + self._rng.random() / 2)
        while (left := until - clock()) > 0:
            with reaching_redis():
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=left)
            if message is not None:
                await self._hear(message["data"])
