"""The suite's Redis: the one that REDIS_URL names, else one of our own, kept alive."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from services.cli.child import LONGEST_BACKOFF_SECONDS, SOUND_LIFE_SECONDS
from services.foundation.errors import InvalidArgument, TurnoutError
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import StateUnavailable

FIRST_BACKOFF_SECONDS = 0.1
POLL_SECONDS = 0.1
# A server that is started beside us may need a moment; one that is not there is told about soon.
REACH_SECONDS = 3.0


class Server(Protocol):
    """Where state is kept."""

    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...


class ForeignRedis:
    """Somebody else's: nothing to start, nothing to end."""

    pid = None

    def __init__(self, url: str) -> None:
        self.url = url

    async def start(self) -> None:
        """Find it there. Raises StateUnavailable, or InvalidArgument for a URL that is none."""
        try:
            connections = connect(self.url)
        except ValueError as wrong:
            raise InvalidArgument(f"REDIS_URL cannot be read: {wrong}") from None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REACH_SECONDS
        async with connections:
            while True:
                try:
                    await connections.steady.ping()
                    return
                except StateUnavailable as away:
                    if loop.time() > deadline:
                        raise self._unreachable(str(away.facts.get("cause", ""))) from away
                except RedisError as other:
                    # Something answers, and not as a Redis that serves us would: no use in asking again.
                    raise self._unreachable(type(other).__name__) from other
                await asyncio.sleep(POLL_SECONDS)

    def _unreachable(self, cause: str) -> StateUnavailable:
        return StateUnavailable(
            f"Redis cannot be reached at {whereabouts(self.url)}, which REDIS_URL names ({cause}); start one "
            f"there, or unset REDIS_URL to have one of our own"
        )

    async def stop(self) -> None: ...
    async def kill(self) -> None: ...


class KeptRedis:
    """Our own, started again on the same port and the same data when it dies."""

    def __init__(self, directory: Path, port: int, say: Callable[[str], None]) -> None:
        self._server = EmbeddedRedis(directory, port=port)
        self._say = say
        self._keeping: asyncio.Task[None] | None = None
        # Besides the cancellation: one that comes while a server begins to answer can get lost on the way.
        self._over = False

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def pid(self) -> int | None:
        return self._server.pid

    async def start(self) -> None:
        """Start it. Raises what `EmbeddedRedis.start` raises."""
        await self._server.start()
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name="redis")

    async def stop(self) -> None:
        """End it in good order."""
        await self._let_go()
        await self._server.stop()

    async def kill(self) -> None:
        """End it at once."""
        await self._let_go()
        await self._server.kill()

    async def _let_go(self) -> None:
        self._over = True
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        backoff, born = FIRST_BACKOFF_SECONDS, loop.time()
        while not self._over:
            if self._server.pid is None:
                backoff = FIRST_BACKOFF_SECONDS if loop.time() - born > SOUND_LIFE_SECONDS else backoff
                self._say(f"redis died; it is started again in {backoff:g} s with what is in its file")
                await asyncio.sleep(backoff)
                backoff, born = min(backoff * 2, LONGEST_BACKOFF_SECONDS), loop.time()
                await self._revive()
            await asyncio.sleep(POLL_SECONDS)

    async def _revive(self) -> None:
        try:
            await self._server.start()
        except TurnoutError as failed:
            self._say(f"redis did not come back: {failed.message}")


def whereabouts(url: str) -> str:
    """Host and port of a URL, or the path of its socket: what may be shown, unlike its password."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def choose(directory: Path, port: int, say: Callable[[str], None]) -> Server:
    """REDIS_URL's server, or ours in `directory`."""
    url = os.environ.get("REDIS_URL")
    return ForeignRedis(url) if url else KeptRedis(directory, port, say)
