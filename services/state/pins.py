"""Entities that keep the variant that they first got: in Redis, and for a minute in memory."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from services.state import pin_keys
from services.state.connection import Connections
from services.state.errors import StateUnavailable
from services.state.scripts import Script

HOLD_PIN = Script("hold_pin", repeatable=True)

# A pin is looked up on the way of a prediction: the hash decides as well, and at once.
PATIENCE_SECONDS = 0.05
# So often at least each replica sees what became of a pin, and lengthens its life.
REMEMBERED_SECONDS = 60.0
MOST_REMEMBERED = 50_000

Place = tuple[str, str]


class Pins:
    """`now` is monotonic, in seconds."""

    def __init__(
        self, connections: Connections, now: Callable[[], float], patience: float = PATIENCE_SECONDS
    ) -> None:
        self._redis = connections.hot
        self._now = now
        self._patience = patience
        self._remembered: OrderedDict[Place, tuple[str, float]] = OrderedDict()

    def remembered(self, uid: str, unit: str) -> str:
        """The variant that a unit (a hash of an entity) of a router holds, if that was seen of late; else
        empty."""
        variant, until = self._remembered.get((uid, unit), ("", 0.0))
        return variant if self._now() < until else ""

    async def hold(
        self, partition: int, uid: str, unit: str, variant: str, seconds: float, instead_of: str = ""
    ) -> str:
        """The variant that the unit holds; `variant` if it held none, or held `instead_of`. Lasts `seconds`
        from now. Raises StateUnavailable if Redis does not say so soon."""
        try:
            async with asyncio.timeout(self._patience):
                key = pin_keys.pin(partition, uid, unit)
                held = await HOLD_PIN(self._redis, [key], [variant, max(1, int(seconds)), instead_of])
        except TimeoutError:
            raise StateUnavailable("no pin in time", cause="slow") from None
        found: str = held.decode()
        self._remembered[uid, unit] = found, self._now() + min(REMEMBERED_SECONDS, seconds)
        self._remembered.move_to_end((uid, unit))
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return found
