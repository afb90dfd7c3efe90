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

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._busy: set[asyncio.Task[None]] = set()
        self._end = 0.0
        self._grace = 0.0
        self.late = False

    @property
    def busy(self) -> int:
        """Calls that have not ended."""
        return len(self._busy)

    def start(self, call: Coroutine[Any, Any, None], seconds: float) -> None:
        """Start a call that takes `seconds` at most, and raises nothing."""
        self._busy.add(asyncio.ensure_future(call))
        grace = min(GRACE_SECONDS, GRACE_SHARE * max(0.0, seconds))
        self._grace = max(self._grace, grace)
        self._end = max(self._end, self._clock() + seconds + grace)

    async def wait(self) -> bool:
        """Until one more call has ended; False once the time is up, and then nothing more is to be waited
        for."""
        done, self._busy = await asyncio.wait(
            self._busy, timeout=max(0.0, self._end - self._clock()), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            # What has arrived counts, also when the timer was the first to be served.
            for _ in range(ROUNDS_TO_DRAIN):
                await asyncio.sleep(0)
            done = {task for task in self._busy if task.done()}
            self._busy -= done
            self.late = True
        for task in done:
            if not task.cancelled():
                task.result()
        return not self.late

    async def __aenter__(self) -> "Hearing":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._busy:
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=self._grace)
