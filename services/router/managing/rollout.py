"""Bringing a change to every live replica, and saying what stood in the way."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import Unavailable
from services.foundation.logs import log
from services.router.managing import lifecycle
from services.state.audit import Author
from services.state.configs import ConfigStore, Written
from services.state.errors import StateUnavailable
from services.state.heartbeats import Heartbeats, Replica
from services.state.positions import order

# Replicas report at once what they have loaded; asking more often than this only costs.
POLL_SECONDS = 0.02
# A replica that has not loaded a change by then is not about to.
LONGEST_WAIT = 60.0
CLOSE_SECONDS = 2.0
# How audit events call the end of a rollout, which nobody asks for by an RPC of its own.
SETTLED = "Rollout"


class RolloutIncomplete(Unavailable):
    """Not every live replica loaded the generation in time."""

    reason = "ROLLOUT_INCOMPLETE"


class Progress(NamedTuple):
    """Where a rollout stands: who has not loaded the change, and who cannot, with the reason."""

    waiting: Sequence[str]
    errors: Sequence[str]


def progress(router: Router, position: str, replicas: Sequence[Replica]) -> Progress:
    """Compare what the live replicas report with the change at `position` of the catalog's stream."""
    waiting = [one for one in replicas if order(one.position) < order(position)]
    arrived = [one for one in replicas if order(one.position) >= order(position)]
    errors = [f"{_told(one)}: {one.errors[router.name]}" for one in arrived if router.name in one.errors]
    return Progress([_told(one) for one in waiting], errors)


def _told(replica: Replica) -> str:
    return f"the replica at {replica.address or 'an unknown address'} ({replica.id})"


class Rollouts:
    """Carries rollouts to their end, also when whoever asked for one has left. `endpoint()` is where a
    deployed router answers."""

    def __init__(
        self, routers: ConfigStore[Router], heartbeats: Heartbeats, endpoint: Callable[[], str]
    ) -> None:
        self._routers = routers
        self._heartbeats = heartbeats
        self._endpoint = endpoint
        self._running: set[asyncio.Task[Router]] = set()

    async def carry_out(self, written: Written[Router], wait: float, by: Author) -> Router:
        """Wait at most `wait` seconds for the change to be everywhere; the router as it then is.

        The rollout goes on beyond that, and beyond the caller. Raises RolloutIncomplete if it failed.
        """
        task = asyncio.create_task(self._until_settled(written, by))
        self._running.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait({task}, timeout=wait)
        return task.result() if task.done() else written.message

    async def close(self) -> None:
        """Give running rollouts a moment to end, then leave them to whoever deploys again."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _until_settled(self, written: Written[Router], by: Author) -> Router:
        name = written.message.name
        trouble = await self._trouble(written.message, written.position)
        settled = await self._routers.update(
            name,
            lambda router: lifecycle.settle(router, trouble, self._endpoint()),
            new_generation=False,
            by=by._replace(method=SETTLED),
        )
        if trouble:
            raise RolloutIncomplete(f"{name} could not be deployed: {trouble}", router=name)
        return settled.message

    async def _trouble(self, router: Router, position: str) -> str:
        """Wait until every live replica has loaded the change; empty, or why one has not."""
        until = time.monotonic() + LONGEST_WAIT
        while True:
            replicas = [
                one for one in await self._heartbeats.live() if one.serves(router.name, elsewhere=False)
            ]
            seen = progress(router, position, replicas)
            if seen.errors:
                return "; ".join(seen.errors)
            if replicas and not seen.waiting:
                return ""
            if time.monotonic() > until:
                return f"not loaded within {LONGEST_WAIT:g} s by {', '.join(seen.waiting) or 'any replica'}"
            await asyncio.sleep(POLL_SECONDS)

    def _ended(self, task: asyncio.Task[Router]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        # Whoever waited was told; this is for those who had left.
        if isinstance(error, RolloutIncomplete | StateUnavailable):
            log.warning("a rollout failed", said=error.message)
        elif error is not None:
            log.error("a rollout broke off", exc_info=error)
