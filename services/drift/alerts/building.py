"""What alerts are made of, from a process's connections."""

import random
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.addresses import Reach
from services.drift.alerts.alert_store import AlertStore
from services.drift.alerts.config_store import AlertConfigStore
from services.drift.alerts.courier import Courier
from services.drift.alerts.desk import AlertDesk
from services.drift.alerts.feed import AlertFeed
from services.drift.alerts.gauges import AlertGauges
from services.drift.alerts.sender import Sender
from services.drift.concept.store import ConceptStore
from services.drift.inquiry import inquirer_of
from services.drift.schedule.analyst import Analyst
from services.drift.schedule.looker import Looker
from services.drift.schedule.rota import Rota
from services.drift.schedule.timetable import SETTLE_SECONDS
from services.drift.settings import DriftSettings
from services.foundation.metrics import Metrics
from services.foundation.runtime import Runtime
from services.state.catalog import CatalogFollower
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.kinds import MODELS
from services.state.ownership import Ownership
from services.state.permissions import CatalogPermissions
from services.state.verdicts import VerdictStore


class AlertWorks(NamedTuple):
    """What a process does about alerts in the background."""

    rota: Rota
    courier: Courier


def desk_of(
    connections: Connections,
    now: Callable[[], float],
    rng: random.Random,
    permissions: CatalogPermissions | None = None,
    reach: Reach = "private",
) -> AlertDesk:
    """What the methods on alerts stand on. Its feed has to run, and its sender to be closed."""
    return AlertDesk(
        AlertConfigStore(connections),
        AlertStore(connections),
        Sender(now, reach),
        AlertFeed(connections, rng),
        permissions,
        reach,
    )


def works_of(
    connections: Connections,
    desk: AlertDesk,
    ownership: Ownership,
    models: Mapping[str, Model],
    metrics: Metrics,
    now: Callable[[], float],
    rng: random.Random,
    settle: float = SETTLE_SECONDS,
) -> AlertWorks:
    """The schedules and the notifications of the partitions that this process leads; `models`: by uid, in
    memory."""
    gauges = AlertGauges(metrics)
    concepts = ConceptStore(connections)
    analyst = Analyst(inquirer_of(connections, now, rng), concepts.read)
    looker = Looker(analyst, desk.store, VerdictStore(connections), gauges, now, settle)
    reader = ConfigReader(connections, MODELS, now)
    rota = Rota(ownership, desk.configs, reader, looker, models.get, concepts)
    courier = Courier(desk.store, ownership, desk.sender, gauges, rota.config_of, now, rng)
    return AlertWorks(rota, courier)


def alerting(
    settings: DriftSettings,
    runtime: Runtime,
    connections: Connections,
    ownership: Ownership,
    catalog: CatalogFollower,
    permissions: CatalogPermissions,
) -> AlertDesk:
    """Have a process do its share: schedules, notifications, and watches that end when it drains."""
    rng = runtime.rng
    desk = desk_of(connections, time.time, rng, permissions, settings.webhook_reach)
    models, settle = catalog.models.by_uid, settings.look_settle_seconds
    works = works_of(connections, desk, ownership, models, runtime.metrics, time.time, rng, settle)
    runtime.on_close(desk.sender.close)
    runtime.spawn(works.rota.run(), "schedules")
    runtime.spawn(works.courier.run(), "notifications")
    runtime.spawn(desk.feed.run(), "alerts")
    runtime.spawn(_end_watches(desk, runtime), "drain of watches")
    return desk


async def _end_watches(desk: AlertDesk, runtime: Runtime) -> None:
    """A drain would wait its whole time for a stream that never ends by itself."""
    await runtime.until_stopped()
    desk.feed.close()
