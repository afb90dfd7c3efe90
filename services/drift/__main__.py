"""`python -m services.drift`: wiring only."""

import sys
import time
from collections.abc import Sequence

from services.drift.alerts.building import alerting
from services.drift.build import clearing_of, consumer_of, handler_of, retention_in, servicer_of
from services.drift.concept.building import watch_of
from services.drift.consumer import GROUP
from services.drift.settings import DriftSettings
from services.foundation.handlers import Servicer
from services.foundation.process import run_service
from services.foundation.runtime import Runtime
from services.state.catalog import CatalogFollower
from services.state.connection import connect
from services.state.gauges import ConsumerGauges
from services.state.guarding import guarded
from services.state.pulse import watch_redis


async def build(settings: DriftSettings, runtime: Runtime) -> Sequence[Servicer]:
    """What a drift process is made of."""
    connections = connect(settings.redis_url)
    runtime.on_close(connections.close)
    watch_redis(runtime, connections)
    clearing = clearing_of(connections, time.time, runtime.rng)
    catalog = CatalogFollower(connections, rng=runtime.rng, on_change=clearing.told)
    permissions = guarded(settings, runtime, connections, catalog)
    counted = runtime.metrics.events_consumed[GROUP].inc
    handler = handler_of(connections, time.time, retention_in(catalog), counted)
    ownership, consumer = consumer_of(connections, handler, time.time, runtime.rng)
    runtime.on_drain(ownership.drain)
    runtime.spawn(catalog.run(), "catalog")
    # Records of a router whose retention is not known yet would get the default one.
    await catalog.ready.wait()
    runtime.spawn(ownership.run(), "ownership")
    runtime.spawn(consumer.run(), "events")
    watch = watch_of(connections, ownership, time.time, runtime.rng, settings.label_settle_seconds)
    runtime.spawn(watch.truths.run(), "truths")
    runtime.spawn(watch.folder.run(), "concept")
    gauges = ConsumerGauges(ownership, [consumer, watch.truths], runtime.metrics, runtime.rng)
    runtime.spawn(gauges.run(), "gauges")
    runtime.spawn(clearing.run(), "clearing")
    desk = alerting(settings, runtime, connections, ownership, catalog, permissions)
    return [servicer_of(connections, time.time, runtime.rng, permissions, retention_in(catalog), desk)]


if __name__ == "__main__":
    sys.exit(run_service("drift", DriftSettings, build))
