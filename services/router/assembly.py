"""What a router process is made of, put together in the order in which its parts need each other."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from services.foundation.fellow import fellow
from services.foundation.handlers import Servicer
from services.foundation.logs import log
from services.foundation.runtime import Runtime
from services.models.pool import ModelPool
from services.router.deciding.explaining import Explainer, Past
from services.router.deciding.knowledge import knowledge_of
from services.router.doors.descriptions import Descriptions
from services.router.doors.listing import Listing
from services.router.execution.equipment import Equipment
from services.router.execution.mirrors import Mirrors
from services.router.execution.panel import Panel
from services.router.health.board import HealthBoard
from services.router.health.opening import introduce, share
from services.router.managing.management import Management
from services.router.managing.telling import FeedbackDoor
from services.router.pods.opening import pods_of
from services.router.servicers.access import AccessService
from services.router.servicers.inference import InferenceService
from services.router.servicers.open_inference import OpenInferenceService
from services.router.serving.following import CatalogToLoader, Reporter
from services.router.serving.loading import Loader
from services.router.serving.measured import follow
from services.router.serving.shown import show
from services.router.serving.snapshot import Snapshot
from services.router.settings import RouterSettings
from services.state.api_keys import ApiKeyStore
from services.state.batcher import EventWriter
from services.state.catalog import CatalogFollower
from services.state.connection import Connections, connect
from services.state.errors import StateUnavailable
from services.state.guarding import guarded
from services.state.heartbeats import Heartbeats
from services.state.ids import new_uid
from services.state.learned import LearnedFollower
from services.state.permissions import CatalogPermissions
from services.state.pins import Pins
from services.state.pulse import watch_redis


class Ground(NamedTuple):
    """What everything else stands on. replica: the process' uid."""

    settings: RouterSettings
    runtime: Runtime
    connections: Connections
    replica: str
    pool: ModelPool
    snapshot: Snapshot
    health: HealthBoard
    loader: Loader
    writer: EventWriter
    follower: CatalogFollower

    @property
    def secret(self) -> bytes:
        """What redacted fields are hashed with."""
        return self.settings.redaction_secret.get_secret_value().encode()


def lay(settings: RouterSettings, runtime: Runtime) -> Ground:
    """The stores and the plans; nothing is read yet."""
    connections = connect(settings.redis_url)
    runtime.on_close(connections.close)
    watch_redis(runtime, connections)
    replica = new_uid(time.time(), runtime.rng)
    pool, snapshot = ModelPool(runtime.telemetry, runtime.rng), Snapshot()
    runtime.on_close(pool.close)
    health = HealthBoard(runtime.metrics)
    loader = Loader(snapshot, pool, runtime.metrics, runtime.rng, lambda: health.view, settings.routers_only)
    introduce(health, loader)
    writer = _writer(settings, runtime, connections, replica)
    told = CatalogToLoader(loader, health)
    follower = CatalogFollower(connections, rng=runtime.rng, on_change=told)
    return Ground(settings, runtime, connections, replica, pool, snapshot, health, loader, writer, follower)


async def load(ground: Ground) -> CatalogPermissions:
    """Follow what is stored, until everything that is deployed can be served; who may do what with it."""
    settings, runtime, connections, loader, follower = (
        ground.settings,
        ground.runtime,
        ground.connections,
        ground.loader,
        ground.follower,
    )
    measured = follow(
        connections,
        follower,
        runtime,
        drift_expiry=settings.drift_expiry_hours * 3600,
        metrics_changed=loader.knowledge_changed,
        verdicts_changed=loader.knowledge_changed,
    )
    loader.knowledge = knowledge_of(measured, follower)
    learned = LearnedFollower(connections, wanted=loader.learners, on_change=loader.learnt, rng=runtime.rng)
    beats, writer = Heartbeats(connections), ground.writer
    reporter = Reporter(
        ground.replica,
        runtime,
        follower,
        ground.snapshot,
        beats,
        writer,
        ground.health,
        settings.routers_only,
    )
    runtime.on_drain(reporter.leave)
    permissions = guarded(settings, runtime, connections, follower)
    show(runtime.metrics, loader, ground.health, follower, measured.verdicts)
    runtime.spawn(follower.run(), "catalog")
    runtime.spawn(learned.run(), "learned")
    await follower.ready.wait()
    await _poll_once(learned)
    await share(ground.health, connections, ground.replica, runtime)
    runtime.spawn(reporter.run(), "heartbeats")
    loader.started = True
    return permissions


def manage(ground: Ground, permissions: CatalogPermissions) -> Management:
    """What routers and models are managed with."""
    settings, runtime = ground.settings, ground.runtime
    door = FeedbackDoor(settings.feedback, runtime.telemetry, fellow(settings))
    runtime.on_close(door.close)
    management = Management(
        ground.connections,
        ground.follower,
        permissions,
        door,
        lambda: settings.advertise or runtime.address,
        runtime.rng,
        partial(pods_of, ground.settings, runtime, ground.connections, ground.follower, ground.replica),
    )
    runtime.on_drain(management.rollouts.close)
    runtime.spawn(management.lookout.run(), "watches")
    runtime.spawn(management.feed.run(), "watched predictions")
    return management


def servicers(ground: Ground, permissions: CatalogPermissions, management: Management) -> Sequence[Servicer]:
    """Every service of the process."""
    runtime, snapshot = ground.runtime, ground.snapshot
    past = Past(
        management.office.records, management.drafts.routers, ground.loader.ahead, ground.loader.compile
    )
    equipment = _equipment(ground)
    inference = InferenceService(
        snapshot,
        equipment,
        permissions,
        Explainer(snapshot, runtime.rng, time.time_ns, past, equipment.pins),
        ground.settings.message_bytes,
    )
    listing = Listing(ground.follower, snapshot, permissions)
    open_inference = OpenInferenceService(
        snapshot,
        inference.answer,
        permissions,
        Descriptions(),
        listing,
        lambda: not runtime.stopping,
        runtime.metrics,
        ground.settings.message_bytes,
    )
    endless = (
        management.lookout.close,
        management.feed.close,
        inference.end_streams,
        open_inference.end_streams,
    )
    runtime.spawn(_end_streams(endless, runtime), "drain of streams")
    return [
        inference,
        open_inference,
        *management.servicers(ground.pool, ground.settings.registry_hosts),
        AccessService(ApiKeyStore(ground.connections, time.time), time.time),
    ]


def _equipment(ground: Ground) -> Equipment:
    settings, runtime = ground.settings, ground.runtime
    panel = Panel(settings.aggregator, runtime.telemetry, fellow(settings))
    runtime.on_close(panel.close)
    return Equipment(
        ground.writer,
        runtime.metrics,
        panel,
        runtime.rng,
        time.time_ns,
        ground.health,
        ground.loader.latencies,
        Pins(ground.connections, time.monotonic),
        _mirrors(runtime, ground.writer, ground.secret),
        secret=ground.secret,
    )


async def _end_streams(endless: Iterable[Callable[[], None]], runtime: Runtime) -> None:
    """A drain would wait its whole time for a stream that never ends by itself."""
    await runtime.until_stopped()
    for end in endless:
        end()


def _mirrors(runtime: Runtime, writer: EventWriter, secret: bytes) -> Mirrors:
    """Shadows, on connections of their own; told of before the writer closes."""
    pool = ModelPool(runtime.telemetry, runtime.rng, apart=True)
    mirrors = Mirrors(pool, writer.put_participant, runtime.metrics, secret)
    runtime.on_close(pool.close)
    runtime.on_drain(mirrors.close)
    return mirrors


async def _poll_once(learned: LearnedFollower) -> None:
    """A bandit that restarts must not draw as if it had learnt nothing."""
    try:
        await learned.poll()
    except StateUnavailable as error:
        log.warning("serving bandits unlearnt until Redis is back", cause=error.facts.get("cause"))


def _writer(
    settings: RouterSettings, runtime: Runtime, connections: Connections, replica: str
) -> EventWriter:
    writer = EventWriter(
        connections,
        Path(settings.spool_dir),
        writer=replica,
        metrics=runtime.metrics,
        spool_bytes=settings.spool_bytes,
        rng=runtime.rng,
    )
    runtime.on_drain(writer.close)
    runtime.spawn(writer.run(), "events")
    return writer
