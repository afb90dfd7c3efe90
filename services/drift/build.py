"""What a drift process is made of, from its connections."""

import random
from collections.abc import Callable

from services.drift.alerts.building import desk_of
from services.drift.alerts.desk import AlertDesk
from services.drift.baseline_store import BaselineStore
from services.drift.clearing import Clearing
from services.drift.completing import Completer
from services.drift.concept.store import ConceptStore
from services.drift.consumer import GROUP, EventConsumer
from services.drift.gaps import GapStore
from services.drift.inquiry import inquirer_of
from services.drift.intake import intake_of
from services.drift.listing.users import UserNotes
from services.drift.making.building import making_of
from services.drift.performance.building import performance_of
from services.drift.profile_store import ProfileStore
from services.drift.profiler import Profiler
from services.drift.result_store import ResultStore
from services.drift.servicers import DriftServicer
from services.drift.servicers.ground import Ground
from services.state.catalog import CatalogFollower
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.consumer import PartitionConsumer
from services.state.ids import new_uid
from services.state.joined import joined
from services.state.kinds import MODELS
from services.state.logged import Logged
from services.state.moments import retention
from services.state.ownership import Ownership
from services.state.permissions import CatalogPermissions
from services.state.records import RETENTION_SECONDS, RecordStore, RecordWriter
from services.state.streams import PACKED_EVENTS
from services.state.verdicts import VerdictStore


def servicer_of(
    connections: Connections,
    now: Callable[[], float],
    rng: random.Random,
    permissions: CatalogPermissions | None = None,
    kept: Callable[[str], float] = lambda _: RETENTION_SECONDS,
    alerts: AlertDesk | None = None,
) -> DriftServicer:
    """The servicer on its stores; `permissions`: None where access is open; `kept`: for how many seconds a
    router's records are, by its uid; `alerts`: with a feed that runs."""
    together = joined(connections)
    ground = Ground(
        ConfigReader(together, MODELS, now),
        BaselineStore(connections),
        making_of(connections, now, rng),
        ProfileStore(connections),
        ResultStore(connections),
        inquirer_of(together, now, rng),
        intake_of(connections, now, rng, permissions, kept),
        performance_of(connections, now),
        alerts or desk_of(connections, now, rng, permissions),
        now,
        rng,
    )
    return DriftServicer(ground)


def clearing_of(connections: Connections, now: Callable[[], float], rng: random.Random) -> Clearing:
    """What removes the baselines of deleted models."""
    return Clearing(
        ConfigReader(connections, MODELS, now),
        BaselineStore(connections),
        ProfileStore(connections),
        ResultStore(connections),
        VerdictStore(connections),
        ConceptStore(connections),
        rng,
    )


def handler_of(
    connections: Connections,
    now: Callable[[], float],
    kept: Callable[[str], float] = lambda _: RETENTION_SECONDS,
    counted: Callable[[int], object] = lambda _: None,
) -> EventConsumer:
    """The handler of event batches; `kept`: for how many seconds a router's records are, by its uid."""
    profiler = Profiler(
        connections,
        ConfigReader(connections, MODELS, now),
        BaselineStore(connections),
        ProfileStore(connections),
        now,
    )
    records = RecordWriter(connections, kept)
    completer = Completer(RecordStore(connections), records)
    users = UserNotes(connections, kept)
    return EventConsumer(records, completer, profiler, GapStore(connections), users, now, counted)


def consumer_of(
    connections: Connections, handler: EventConsumer, now: Callable[[], float], rng: random.Random
) -> tuple[Ownership, PartitionConsumer[Logged]]:
    """This process's share of the partitions, and the reader of their events."""
    ownership = Ownership(connections, GROUP, new_uid(now(), rng), rng=rng)
    return ownership, PartitionConsumer(connections, ownership, PACKED_EVENTS, handler.handle, rng=rng)


def retention_in(catalog: CatalogFollower) -> Callable[[str], float]:
    """How long a router's records are kept: as its configuration says, or the default."""

    def kept(router_uid: str) -> float:
        router = catalog.routers.by_uid.get(router_uid)
        return retention(router.log.retention, RETENTION_SECONDS) if router else RETENTION_SECONDS

    return kept
