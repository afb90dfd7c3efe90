"""`python -m services.aggregator`: wiring only."""

import asyncio
import sys
import time
from collections.abc import Sequence

from services.aggregator.divergence.assembly import observing
from services.aggregator.registry import Registry
from services.aggregator.servicer import AggregatorServicer
from services.aggregator.settings import AggregatorSettings
from services.aggregator.watch import Watch
from services.foundation.handlers import Servicer
from services.foundation.logs import log
from services.foundation.process import run_service
from services.foundation.runtime import Runtime
from services.models.pool import ModelPool
from services.state.catalog import CatalogFollower
from services.state.connection import connect
from services.state.guarding import guarded
from services.state.pulse import watch_redis


async def build(settings: AggregatorSettings, runtime: Runtime) -> Sequence[Servicer]:
    """What an aggregator process is made of."""
    connections = connect(settings.redis_url)
    runtime.on_close(connections.close)
    watch_redis(runtime, connections)
    pool = ModelPool(runtime.telemetry, runtime.rng)
    runtime.on_close(pool.close)
    registry = Registry(pool)
    follower = CatalogFollower(connections, rng=runtime.rng, on_change=registry.changed)
    permissions = guarded(settings, runtime, connections, follower)
    registry.loaded, registry.catch_up = follower.ready, follower.reconcile
    registry.aliases = lambda: follower.aliases
    runtime.spawn(follower.run(), "catalog")
    collector, insight = observing(connections, follower, runtime.metrics, runtime.rng, time.time)
    runtime.spawn(collector.run(), "panels")
    runtime.on_drain(collector.flush)
    await _until_read(follower.ready, settings.catalog_seconds)
    return [AggregatorServicer(registry, Watch(runtime.metrics), permissions, collector, insight)]


async def _until_read(ready: asyncio.Event, seconds: float) -> None:
    """Without the catalog nobody can be asked, but outputs that are handed in can be combined: serve."""
    try:
        async with asyncio.timeout(seconds):
            await ready.wait()
    except TimeoutError:
        log.warning("serving before the models could be read", waited_seconds=seconds)


if __name__ == "__main__":
    sys.exit(run_service("aggregator", AggregatorSettings, build))
