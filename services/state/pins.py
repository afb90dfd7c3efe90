"""Entities that keep the variant that they first got: in Redis, and for a minute in memory."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

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
# A burst of new entities takes longer than anybody waits; their pins are written all the same.
MOST_LATE = 10_000

Place = tuple[str, str]


class Pin(NamedTuple):
    """The variant that a unit holds, and the probability of the draw that it got it by."""

    variant: str
    propensity: float


class Pins:
    """`now` is monotonic, in seconds."""

    def __init__(
        self, connections: Connections, now: Callable[[], float], patience: float = PATIENCE_SECONDS
    ) -> None:
        self._redis = connections.hot
        self._now = now
        self._patience = patience
        self._remembered: OrderedDict[Place, tuple[Pin, float]] = OrderedDict()
        self._late = set[asyncio.Task[tuple[Pin, bool]]]()

    def remembered(self, uid: str, unit: str) -> Pin | None:
        """What a unit (a hash of an entity) of a router holds, if that was seen of late."""
        pin, until = self._remembered.get((uid, unit), (None, 0.0))
        return pin if self._now() < until else None

    async def hold(
        self, partition: int, uid: str, unit: str, drawn: Pin, seconds: float, instead_of: str = ""
    ) -> tuple[Pin, bool]:
        """What the unit holds, and whether that is new: `drawn` if it held nothing, or the variant
        `instead_of`. Lasts `seconds` from now. Raises StateUnavailable if Redis does not say so soon; what it
        says later is remembered for the unit's next prediction."""
        asked = asyncio.ensure_future(self._hold(partition, uid, unit, drawn, seconds, instead_of))
        try:
            await asyncio.wait({asked}, timeout=self._patience)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        if asked.done():
            return asked.result()
        if len(self._late) < MOST_LATE:
            self._late.add(asked)
            asked.add_done_callback(self._came_late)
        else:
            asked.cancel()
        raise _too_late()

    async def _hold(
        self, partition: int, uid: str, unit: str, drawn: Pin, seconds: float, instead_of: str
    ) -> tuple[Pin, bool]:
        told = f"{drawn.variant} {drawn.propensity!r}"
        key = pin_keys.pin(partition, uid, unit)
        held, new = await HOLD_PIN(self._redis, [key], [told, max(1, int(seconds)), instead_of])
        found = _read(held)
        self._remembered[uid, unit] = found, self._now() + min(REMEMBERED_SECONDS, seconds)
        self._remembered.move_to_end((uid, unit))
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return found, bool(new)

    async def find(self, partition: int, uid: str, unit: str) -> Pin | None:
        """What the unit holds; changes nothing, nor how long. Raises StateUnavailable as `hold`."""
        try:
            async with asyncio.timeout(self._patience):
                held = await self._redis.get(pin_keys.pin(partition, uid, unit))
        except TimeoutError:
            raise _too_late() from None
        return _read(held) if held is not None else None

    def _came_late(self, asked: "asyncio.Task[tuple[Pin, bool]]") -> None:
        self._late.discard(asked)
        if not asked.cancelled():
            # Its caller was told that there is none; why it failed says the connection.
            asked.exception()


def _too_late() -> StateUnavailable:
    return StateUnavailable("no pin in time", cause="slow")


def _read(held: bytes) -> Pin:
    variant, _, propensity = held.decode().partition(" ")
    return Pin(variant, float(propensity))
