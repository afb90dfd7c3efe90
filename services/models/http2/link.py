"""The way to one server: a connection that is kept where possible, and never waited for."""

import asyncio
import weakref

from services.models.http2.exchange import Exchange
from services.models.http2.session import Session

# A server that cannot be reached is tried again after so long; meanwhile calls go the other way.
PATIENCE_SECONDS = 1.0
# To resolve, connect, and hear the first SETTINGS.
CONNECT_SECONDS = 5.0


class Link:
    """Carries calls of one method to `host:port` when it can do so at once. It says so with None when it
    cannot: nothing is queued here, and nothing is asked twice."""

    def __init__(self, target: str, path: str, most_bytes: int) -> None:
        host, _, port = target.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._about = path, target, most_bytes
        self._session: Session | None = None
        self._connecting: asyncio.Task[Session | None] | None = None
        self._not_before = 0.0
        self._end: weakref.finalize[..., Link] | None = None
        self._closed = False

    @property
    def open(self) -> bool:
        """Whether there is a connection that takes calls."""
        return self._session is not None and self._session.open

    def begin(self, body: bytes, seconds: float, trace: str) -> Exchange | None:
        """Send a request; None if somebody else has to."""
        session = self._session
        if session is None or not session.open:
            self._connect()
            return None
        return session.begin(body, seconds, trace)

    def doubt(self, exchange: Exchange) -> None:
        """A call got no reply in time. If nothing else was heard since it began, the peer may be gone: the
        next calls go another way, and to a new connection."""
        session = self._session
        if session is not None and session.heard < exchange.began:
            session.open = False

    async def close(self, grace: float | None) -> None:
        """End it; calls in flight have `grace` seconds."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._session is None:
            return
        self._session.open = False
        if grace and (waiting := [call.reply for call in self._session.calls.values()]):
            await asyncio.wait(waiting, timeout=grace)
        self._session.close()

    def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        if self._closed or self._connecting is not None or loop.time() < self._not_before:
            return
        self._not_before = loop.time() + PATIENCE_SECONDS
        self._connecting = task = loop.create_task(_connected(self._host, self._port, *self._about))
        # Neither the task nor the connection may keep a link that nobody has any more.
        mine = weakref.ref(self, lambda _: task.cancel())
        task.add_done_callback(lambda done: _arrived(mine(), done))

    def take(self, session: Session | None) -> None:
        """The attempt to connect has ended, with a connection or without."""
        self._connecting = None
        if session is None:
            return
        if self._end is not None:
            # The former connection ends with its last call.
            self._end.detach()
        self._session = session
        self._end = weakref.finalize(self, session.close)
        # At the end of the process there is no loop left to close anything.
        self._end.atexit = False


async def _connected(host: str, port: int, path: str, authority: str, most_bytes: int) -> Session | None:
    loop, session = asyncio.get_running_loop(), None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, session = await loop.create_connection(
                lambda: Session(path, authority, most_bytes), host, port
            )
            await session.ready
    except OSError:
        # grpc.aio, which carries the calls meanwhile, says what is wrong.
        if session is not None:
            session.close()
        return None
    return session


def _arrived(link: Link | None, task: "asyncio.Task[Session | None]") -> None:
    session = None if task.cancelled() else task.result()
    if link is not None:
        link.take(session)
    elif session is not None:
        session.close()
