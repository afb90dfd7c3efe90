"""Following a router as it changes: from this process' memory, and one look at the heartbeats for all."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from turnout.router.v1.router_pb2 import Router

from services.foundation.logs import log
from services.router.serving.places import has_pods
from services.state.catalog import CatalogFollower
from services.state.config_reader import ConfigReader
from services.state.errors import NewerFormat, StateUnavailable
from services.state.heartbeats import BEAT_SECONDS, Heartbeats, Replica


class Sight(NamedTuple):
    """A router, and how many of the live replicas serve its generation."""

    router: Router
    serving: int
    replicas: int


class Lookout:
    """Wakes those who watch. Run `run()` in the background.

    Nobody watching costs nothing; a hundred who do cost one read of the heartbeats a second.
    """

    def __init__(
        self, follower: CatalogFollower, routers: ConfigReader[Router], heartbeats: Heartbeats
    ) -> None:
        self._follower = follower
        self._routers = routers
        self._heartbeats = heartbeats
        # How many watch each router.
        self._watched: Counter[str] = Counter()
        self._somebody = asyncio.Event()
        self._stirred = asyncio.Event()
        self._closed = False
        self.replicas: list[Replica] = []
        follower.listen(self._changed)

    def _changed(self, kind: str, _uid: str, _message: Any) -> None:
        if kind == "routers":
            self._stir()

    def close(self) -> None:
        """End all watches, as the process does."""
        self._closed = True
        self._stir()

    async def run(self) -> None:
        """Read the heartbeats while somebody watches, until cancelled."""
        while True:
            await self._somebody.wait()
            await self._look()
            await asyncio.sleep(BEAT_SECONDS / 2)

    async def watch(self, router: Router) -> AsyncIterator[Sight]:
        """The router as it is, then as often as it or its spread changes; last as it was when it was deleted.

        Ends with the deletion, or when the process drains.
        """
        name = router.name
        self._watched[name] += 1
        self._somebody.set()
        try:
            # Others' routers may have been asked after so far.
            await self._look()
            told: Sight | None = None
            remembered = False
            while not self._closed:
                stirred = self._stirred
                known = self._follower.routers.by_uid.get(router.uid)
                if known is None and (remembered or told is not None):
                    # Memory may not have yet what was made a moment ago: the store knows.
                    router = await self._routers.read_uid(router.uid) or router
                    if remembered or router.HasField("delete_time"):
                        yield self._sight(router)
                        return
                remembered = remembered or known is not None
                router = known or router
                sight = self._sight(router)
                if sight != told:
                    told = sight
                    yield sight
                await stirred.wait()
        finally:
            self._watched[name] -= 1
            if not self._watched[name]:
                del self._watched[name]
            if not self._watched:
                self._somebody.clear()
                self.replicas = []

    def _sight(self, router: Router) -> Sight:
        there = [one for one in self.replicas if one.serves(router.name, elsewhere=has_pods(router))]
        serving = sum(one.generations.get(router.name) == router.generation for one in there)
        return Sight(router, serving, len(there))

    async def _look(self) -> None:
        try:
            replicas = await self._heartbeats.live(list(self._watched))
        except (StateUnavailable, NewerFormat) as error:
            # What was seen last stands, like everything that is served without Redis.
            log.debug("heartbeats cannot be read now", cause=error.facts.get("cause"))
            return
        if _spread(replicas) != _spread(self.replicas):
            self.replicas = replicas
            self._stir()

    def _stir(self) -> None:
        stirred, self._stirred = self._stirred, asyncio.Event()
        stirred.set()


def _spread(replicas: Iterable[Replica]) -> dict[str, dict[str, int]]:
    return {one.id: dict(one.generations) for one in replicas}
