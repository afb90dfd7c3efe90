"""What a router process does beside answering: follow the catalog, follow what is learnt, report itself."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from turnout.router.v1.model_pb2 import Model

from services.foundation.logs import log
from services.foundation.runtime import Runtime
from services.router.config.health import rules_of
from services.router.health.board import HealthBoard
from services.router.serving.loading import Loader
from services.router.serving.snapshot import Snapshot
from services.state.batcher import EventWriter
from services.state.catalog import CatalogFollower
from services.state.errors import StateUnavailable
from services.state.heartbeats import BEAT_SECONDS, Heartbeats, Replica


class CatalogToLoader:
    """Hands the catalog's changes to the loader, which wants to know what a model was before, and models to
    whoever watches their health."""

    def __init__(self, loader: Loader, health: HealthBoard) -> None:
        self._loader = loader
        self._health = health
        self._models: dict[str, Model] = {}

    def __call__(self, kind: str, uid: str, message: Any) -> None:
        if kind == "routers":
            self._loader.router_changed(uid, message)
            return
        before = self._models.pop(uid, None)
        if message is not None:
            self._models[uid] = message
            self._health.hold(message.name, uid, rules_of(message))
        elif before is not None:
            self._health.forget(before.name, uid)
        self._loader.model_changed(before, message)


class Reporter:
    """Reports this replica once a second, and at once when it has taken in a change."""

    def __init__(
        self,
        replica_id: str,
        runtime: Runtime,
        follower: CatalogFollower,
        snapshot: Snapshot,
        heartbeats: Heartbeats,
        writer: EventWriter,
        health: HealthBoard,
        only: Sequence[str] = (),
    ) -> None:
        self.id = replica_id
        self._only = only
        self._runtime = runtime
        self._follower = follower
        self._snapshot = snapshot
        self._heartbeats = heartbeats
        self._writer = writer
        self._health = health
        self._left = False
        # A report on its way must not overtake the word that we have left.
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Report until `leave`."""
        reached = True
        while not self._left:
            told = self._follower.position
            # What is reported as taken in is known to work, or known not to.
            await self._snapshot.prove()
            try:
                await self._beat(told)
                reached = True
            except StateUnavailable:
                # Said once: the catalog's follower waits for Redis to come back, and so do we.
                if reached:
                    log.warning("cannot report this replica now", replica=self.id)
                reached = False
                await asyncio.sleep(BEAT_SECONDS)
            await self._follower.moved(told, BEAT_SECONDS)

    async def leave(self) -> None:
        """Tell rollouts not to wait for us, and report no more. If Redis is away they find out by
        themselves."""
        self._left = True
        try:
            async with self._turn:
                await self._heartbeats.leave(self.id)
        except StateUnavailable:
            log.warning("left without saying so: Redis cannot be reached", replica=self.id)

    async def _beat(self, position: str) -> None:
        async with self._turn:
            if not self._left:
                await self._heartbeats.beat(self._report(position))

    def _report(self, position: str) -> Replica:
        return Replica(
            id=self.id,
            address=self._runtime.address,
            position=position,
            generations=self._snapshot.generations,
            errors=dict(self._snapshot.errors),
            events_waiting=self._writer.queued + self._writer.spooled,
            ejected=self._health.ejected,
            lag_seconds=self._follower.lag,
            time=time.time(),
            only=tuple(self._only),
        )
