"""Something that one process of all does, until it stops saying so."""

import time
from collections.abc import Callable

from services.foundation.logs import log
from services.state import catalog_keys
from services.state.connection import Connections
from services.state.errors import StateUnavailable
from services.state.ownership import RELEASE_LEASE, TAKE_LEASE

# Much less, and a busy machine loses it; much more, and a crash is felt.
SECONDS = 10.0


class Duty:
    """A lease on a duty of the whole deployment, such as `pods`.

    What is done under it must be harmless when two do it for a moment: who was stopped in the middle cannot
    know that his time is over.
    """

    def __init__(
        self,
        connections: Connections,
        duty: str,
        owner: str,
        *,
        seconds: float = SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`owner`: an id that no other process has or had."""
        self._redis = connections.steady
        self._keys = [catalog_keys.catalog_duty(duty), catalog_keys.catalog_duty_turns(duty)]
        self._owner = owner
        self._seconds = seconds
        self._now = now
        self._until = float("-inf")
        self._left = False

    async def held(self) -> bool:
        """Take it or keep it, if nobody else has it. Returns whether it is ours; asked often, it costs a call
        to Redis every third of its time."""
        if self._left:
            return False
        now = self._now()
        if self._until - now > self._seconds * 2 / 3:
            return True
        try:
            token = await TAKE_LEASE(self._redis, self._keys, [self._owner, int(self._seconds * 1000)])
        except StateUnavailable as error:
            # What was ours is, for as long as nobody else can have taken it.
            log.debug("a duty is not renewed now", cause=error.facts.get("cause"))
            return now < self._until
        # From before the call: Redis began to count no earlier.
        self._until = now + self._seconds if token else float("-inf")
        return bool(token)

    async def leave(self) -> None:
        """Let the next one have it at once, and take it no more. Raises StateUnavailable."""
        self._left = True
        await RELEASE_LEASE(self._redis, self._keys[:1], [self._owner])
