"""What was stored of the time of a decision, read from Redis."""

import time

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.deciding.rulings import Compiled
from services.router.managing.aliases import resolved
from services.router.replay.recomputing import Stored
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.kinds import MODELS, ROUTERS
from services.state.learned import SnapshotStore
from services.state.model_metrics import ModelMetricsStore


class Archive:
    """Reads each configuration and each version once. Everything raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._routers: ConfigReader[Router] = ConfigReader(connections, ROUTERS, time.time)
        self._models: ConfigReader[Model] = ConfigReader(connections, MODELS, time.time)
        self._rewards = SnapshotStore(connections)
        self._metrics = ModelMetricsStore(connections)
        self._read: dict[tuple[str, int, int, int], Stored | None] = {}

    async def stored(self, event: PredictionEvent) -> Stored | None:
        """What decided; None if that generation of the router is not kept."""
        manifest = event.manifest
        versions = manifest.decision.versions
        named = event.router_uid or manifest.router
        key = named, manifest.generation, versions.learner, versions.metrics
        if key not in self._read:
            self._read[key] = await self._stored(event)
        return self._read[key]

    async def _stored(self, event: PredictionEvent) -> Stored | None:
        manifest = event.manifest
        uid = event.router_uid
        if not uid:
            found = await self._routers.find(manifest.router)
            uid = found.uid if found else ""
        former = await self._routers.generation(uid, manifest.generation) if uid else None
        if former is None:
            return None
        router = resolved(former.message)
        models = {one.model: await self._models.find(one.model) for one in router.variants}
        learnt = await self._rewards.read(uid) if manifest.decision.versions.learner else None
        known = {name: model for name, model in models.items() if model is not None}
        measured = await self._measured(manifest.decision.versions.metrics)
        return Stored(router, learnt, measured, known, Compiled())

    async def _measured(self, version: int) -> dict[str, ModelMetrics] | None:
        if not version:
            return {}
        found = await self._metrics.history(version)
        return None if found is None else {one.model: one for one in found.values()}
