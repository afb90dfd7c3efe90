"""Waiting for several calls at once: nobody waits for the slowest longer than its own timeout."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

# Of the caller's remaining time, kept back for combining and for the way home: a fifth, and never more than
# a busy event loop and a local network need.
RESERVED_SHARE = 0.2
RESERVED_SECONDS = 0.02
# Calls keep their timeouts themselves; one that does not is cut off a little later: half of what is reserved,
# so that the other half remains for the reply.
GRACE_SHARE = 0.1
GRACE_SECONDS = 0.01
# Rounds of the event loop in which an answer that has arrived becomes the result of its task: the transport
# wakes the call, the call its attempt, the attempt the task.
ROUNDS_TO_DRAIN = 3


def budget(remaining: float) -> float:
    """Seconds that models may take, of those that the caller still has.

    >>> [round(budget(seconds), 3) for seconds in (30.0, 0.05, 0.0)]
    [29.98, 0.04, 0.0]
    """
    return remaining - min(RESERVED_SECONDS, RESERVED_SHARE * remaining)


class Hearing:
    """Calls that run at once. `start` them, `wait` until it is enough, and leave: whoever is still at it is
    cancelled, and a call that resists is left behind, for it must not hold up the reply.

    Cancelling the task that waits cancels every call. `late` tells that the time ended it.
    """

    def __init__(self, *, patient: bool = False) -> None:
        """patient: whoever waits is woken by a call without an answer, or the last one, and by no other."""
        self._loop = asyncio.get_running_loop()
        self._patient = patient
        self._busy: set[asyncio.Task[bool]] = set()
        self._ended: list[asyncio.Task[bool]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._end = 0.0
        self._grace = 0.0
        self.late = False

    @property
    def busy(self) -> int:
        """Calls that have not ended, or whose end was not waited for."""
        return len(self._busy) + len(self._ended)

    def start(self, call: Coroutine[Any, Any, bool], seconds: float) -> None:
        """Start a call that takes `seconds` at most, and raises nothing; it tells whether it was answered."""
        task = self._loop.create_task(call)
        self._busy.add(task)
        task.add_done_callback(self._note)
        grace = min(GRACE_SECONDS, GRACE_SHARE * max(0.0, seconds))
        self._grace = max(self._grace, grace)
        self._end = max(self._end, self._loop.time() + seconds + grace)

    async def wait(self) -> bool:
        """Until one more call has ended, or several; False once the time is up, and then nothing more is to
        be waited for."""
        if not self._ended:
            await self._next()
        if not self._ended:
            # What has arrived counts, also when the timer was the first to be served.
            for _ in range(ROUNDS_TO_DRAIN):
                await asyncio.sleep(0)
            self.late = True
        for task in self._ended:
            if not task.cancelled():
                task.result()
        self._ended.clear()
        return not self.late

    async def __aenter__(self) -> "Hearing":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        busy = tuple(self._busy)
        for task in busy:
            task.cancel()
        if busy:
            await asyncio.wait(busy, timeout=self._grace)

    async def _next(self) -> None:
        """Until a call ends, or the time is up. One waiter for all: asyncio.wait asks each of them anew."""
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_at(self._end, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _note(self, task: asyncio.Task[bool]) -> None:
        self._busy.discard(task)
        self._ended.append(task)
        waited_for = not (self._patient and self._busy and _answered(task))
        if self._waiter is not None and waited_for:
            _wake(self._waiter)


def _answered(task: asyncio.Task[bool]) -> bool:
    return not task.cancelled() and task.exception() is None and task.result()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
