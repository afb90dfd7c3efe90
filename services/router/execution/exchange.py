"""Many predictions on one stream: questions are read while there is room, answers go as they are ready."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from services.foundation.errors import Unavailable

T = TypeVar("T")
# The replica's successor, or a neighbour, is there at once.
RETRY_SECONDS = 0.1


class ReplicaEnding(Unavailable):
    """The replica ends: what it had read is answered, the rest of the stream belongs elsewhere."""


class Exchange(Generic[T]):
    """One stream. `answer` never raises but for being cancelled; at most `at_once` questions are read and not
    answered: a client that sends more, or does not read its answers, waits."""

    def __init__(self, answer: Callable[[T], Awaitable[bytes]], at_once: int) -> None:
        self._answer = answer
        self._room = asyncio.Semaphore(at_once)
        # Bounded by the room, which an answer keeps until it is written.
        self._ready: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._ending = False

    async def run(self, questions: AsyncIterator[T]) -> AsyncGenerator[bytes, None]:
        """The answers. Closed or cancelled, it cancels what is in flight. Raises ReplicaEnding after `end`,
        once everything that was read is answered, and what reading raises."""
        self._reader = asyncio.ensure_future(self._read(questions))
        try:
            while (reply := await self._ready.get()) is not None:
                yield reply
                self._room.release()
            await self._reader
            if self._ending:
                told = "this replica is ending; open another stream for what it has not answered"
                raise ReplicaEnding(told, retry_after=RETRY_SECONDS)
        finally:
            open_tasks = [self._reader, *self._tasks]
            for one in open_tasks:
                one.cancel()
            await asyncio.gather(*open_tasks, return_exceptions=True)

    def end(self) -> None:
        """Read nothing more."""
        self._ending = True
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self, questions: AsyncIterator[T]) -> None:
        try:
            await self._read_all(questions)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            # `end` interrupts the waiting for more and nothing else; any other cancellation is meant.
            if not self._ending or task is None or task.uncancel():
                raise
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks)
            self._ready.put_nowait(None)

    async def _read_all(self, questions: AsyncIterator[T]) -> None:
        while not self._ending:
            await self._room.acquire()
            try:
                asked = await anext(questions)
            except StopAsyncIteration:
                return
            task = asyncio.ensure_future(self._one(asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _one(self, asked: T) -> None:
        self._ready.put_nowait(await self._answer(asked))


class Exchanges:
    """The streams that are open in this process."""

    def __init__(self) -> None:
        self._open: set[Exchange[Any]] = set()
        self._ending = False

    async def run(
        self, questions: AsyncIterator[T], answer: Callable[[T], Awaitable[bytes]], at_once: int
    ) -> AsyncGenerator[bytes, None]:
        """One more stream, as `Exchange.run`."""
        exchange = Exchange(answer, at_once)
        if self._ending:
            exchange.end()
        self._open.add(exchange)
        try:
            async with aclosing(exchange.run(questions)) as replies:
                async for reply in replies:
                    yield reply
        finally:
            self._open.discard(exchange)

    def end(self) -> None:
        """Read nothing more from any stream: the process is to end."""
        self._ending = True
        for one in self._open:
            one.end()
