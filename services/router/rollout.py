"""Bringing a change to every live replica, and saying what stood in the way."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import Unavailable
from services.state.heartbeats import Heartbeats, Replica
from services.state.positions import order

# Replicas report at once what they have loaded; asking more often than this only costs.
POLL_SECONDS = 0.02


class RolloutIncomplete(Unavailable):
    """Not every live replica loaded the generation in time."""

    reason = "ROLLOUT_INCOMPLETE"


class Progress(NamedTuple):
    """Where a rollout stands: who has not loaded the change, and who cannot, with the reason."""

    waiting: Sequence[str]
    errors: Sequence[str]


def progress(router: Router, position: str, replicas: Sequence[Replica]) -> Progress:
    """Compare what the live replicas report with the change at `position` of the catalog's stream."""
    waiting = [one.id for one in replicas if order(one.position) < order(position)]
    arrived = [one for one in replicas if one.id not in waiting]
    errors = [f"{one.id}: {one.errors[router.name]}" for one in arrived if router.name in one.errors]
    return Progress(waiting, errors)


class Rollout:
    """Waits on the heartbeats of the live replicas. `endpoint()` is where a deployed router answers."""

    def __init__(self, heartbeats: Heartbeats, endpoint: Callable[[], str]) -> None:
        self._heartbeats = heartbeats
        self.endpoint = endpoint

    async def reached(self, router: Router, position: str, seconds: float) -> str:
        """Wait until every live replica has loaded the change at `position`; empty, or why one cannot."""
        until = time.monotonic() + seconds
        while True:
            replicas = await self._heartbeats.live()
            seen = progress(router, position, replicas)
            if seen.errors:
                return "; ".join(seen.errors)
            if replicas and not seen.waiting:
                return ""
            if time.monotonic() > until:
                return f"not loaded within {seconds:g} s by {', '.join(seen.waiting) or 'any replica'}"
            await asyncio.sleep(POLL_SECONDS)
