"""What the chapter asks of drift, and which of its RPCs have answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from google.protobuf.message import Message
from turnout.drift.v1 import drift_service_pb2

from examples.demo.desk import SECONDS
from services.foundation.client import Client

SERVICE = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"]
DRIFT = SERVICE.full_name
# A look a minute, and what travels through streams before and after it.
PATIENCE_SECONDS = 110.0


class Bureau:
    """Calls drift at an address. `now` is in seconds since 1970."""

    def __init__(self, where: str, now: Callable[[], float]) -> None:
        self.now = now
        self.asked: set[str] = set()
        self._client = Client(where)

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()

    async def ask(self, method: str, request: Message) -> Any:
        """One request, one reply. Raises RemoteError for what drift refuses."""
        reply = await self._client.unary(DRIFT, method)(request, timeout=SECONDS)
        self.asked.add(method)
        return reply

    async def send(self, method: str, parts: Sequence[Message]) -> Any:
        """A stream of requests, one reply. Raises RemoteError."""

        async def stream() -> AsyncIterator[Message]:
            for part in parts:
                yield part

        reply = await self._client.upload(DRIFT, method)(stream(), timeout=SECONDS)
        self.asked.add(method)
        return reply

    async def follow(self, method: str, request: Message) -> AsyncIterator[Any]:
        """One request, a stream of replies. Raises RemoteError."""
        async for reply in self._client.stream(DRIFT, method)(request, timeout=2 * PATIENCE_SECONDS):
            self.asked.add(method)
            yield reply

    async def until(
        self, done: Callable[[], Awaitable[bool]], pause: float = 0.2, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait for an effect, but not for ever: whether it came is for the claims to say."""
        deadline = self.now() + seconds
        while not await done() and self.now() < deadline:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(pause)
