"""One timer for all calls of a connection, set to the first that expires: making one for each costs more than
sending it."""

import asyncio
import math
from collections.abc import Mapping

from services.models.http2.exchange import Exchange

# A loop's timers ring up to so much early.
CLOCK_SECONDS = 0.001


class Alarm:
    """Lets calls expire. `calls` are those in flight; a call that expires takes itself out of them."""

    def __init__(self, calls: Mapping[int, Exchange], loop: asyncio.AbstractEventLoop) -> None:
        self._calls, self._loop = calls, loop
        self._timer: asyncio.TimerHandle | None = None
        self._at = math.inf

    def watch(self, call: Exchange) -> None:
        """A call has begun."""
        if call.until < self._at:
            self._set(call.until)

    def stop(self) -> None:
        """Nothing expires any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, moment: float) -> None:
        self.stop()
        self._at, self._timer = moment, self._loop.call_at(moment, self._ring)

    def _ring(self) -> None:
        self._at, self._timer = math.inf, None
        due = self._loop.time() + CLOCK_SECONDS
        for call in [call for call in self._calls.values() if call.until <= due]:
            call.expire()
        if self._calls:
            self._set(min(call.until for call in self._calls.values()))
