"""One call on a connection: what has come of it so far, and until when somebody waits for the rest."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from services.models.http2.outcome import Ended, Status, status_of

_PREFIX = 5


class Connection(Protocol):
    """Where the call is."""

    def drop(self, stream: int) -> None: ...


class Exchange:
    """Await `reply`: the message's bytes, or Ended, or Unprocessed. `until` is when its connection lets it
    expire, by the loop's clock."""

    __slots__ = ("_connection", "_parts", "began", "reply", "size", "stream", "until")

    def __init__(
        self, connection: Connection, stream: int, seconds: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connection, self.stream = connection, stream
        self.reply: asyncio.Future[bytes] = loop.create_future()
        self.began = loop.time()
        self.until = self.began + seconds
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        """Some of the reply's bytes."""
        self._parts.append(part)
        self.size += len(part)

    def end(self, headers: Mapping[str, str]) -> None:
        """Nothing more comes; these were the last headers, or the only ones."""
        if headers.get("grpc-status") != "0":
            self.fail(Ended(status_of(headers)))
            return
        raw = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if raw[:1] != b"\0" or int.from_bytes(raw[1:_PREFIX], "big") != len(raw) - _PREFIX:
            self.fail(Ended(Status("INTERNAL", "a reply that is not one plain message")))
            return
        if not self.reply.done():
            self.reply.set_result(raw[_PREFIX:])

    def fail(self, error: Exception) -> None:
        """There is no reply."""
        if not self.reply.done():
            self.reply.set_exception(error)

    def cancel(self) -> None:
        """Nobody waits for it."""
        self._connection.drop(self.stream)

    def expire(self) -> None:
        """Its time is up."""
        self._connection.drop(self.stream)
        self.fail(Ended(Status("DEADLINE_EXCEEDED", "Deadline Exceeded")))
