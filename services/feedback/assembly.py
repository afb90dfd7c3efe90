"""What a feedback process is made of: stores, consumers, and the servicer on top."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from turnout.inference.v1.event_pb2 import EventBatch

from services.feedback.agreeing import PanelWatch
from services.feedback.attribution import Finder
from services.feedback.canary.building import CanaryParts, canaries_of
from services.feedback.contexts import Contexts
from services.feedback.draws import Draws
from services.feedback.durability import Durability
from services.feedback.evidence.building import folder_of
from services.feedback.evidence.folder import Folder
from services.feedback.evidence.noting import Noting
from services.feedback.evidence.reading import EvidenceStore
from services.feedback.gauges import AccuracyGauge
from services.feedback.importing import Importer
from services.feedback.intake import Intake
from services.feedback.joining import Joint
from services.feedback.learnt_labels import LabelWatch
from services.feedback.measuring import ModelMeter
from services.feedback.notices import Notices
from services.feedback.offpolicy.gathering import Gathering
from services.feedback.offpolicy.rpcs import Evaluator
from services.feedback.parking import Parking
from services.feedback.publisher import Publisher
from services.feedback.router_door import RouterDoor
from services.feedback.rpcs import Intaking
from services.feedback.rulebook import Rulebook
from services.feedback.servicer import FeedbackServicer
from services.feedback.settings import FeedbackSettings
from services.feedback.settling import Settling
from services.feedback.stackers.building import fitter_of
from services.feedback.standings import Standings
from services.feedback.sweeping import Sweeper
from services.feedback.traffic import Traffic
from services.feedback.truths import ENTRIES, Truths
from services.foundation.fellow import fellow
from services.foundation.metrics import Metrics
from services.foundation.telemetry import Telemetry
from services.state.attribution import AttributionIndex
from services.state.catalog import CatalogFollower
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.consumer import Entry, Handler, PartitionConsumer
from services.state.earned import EarnedReader
from services.state.fenced import Fence
from services.state.gauges import ConsumerGauges
from services.state.ids import new_uid
from services.state.kinds import ROUTERS
from services.state.learned import SnapshotStore
from services.state.model_metrics import ModelMetricsReader, ModelMetricsStore
from services.state.once import Requests
from services.state.ownership import Ownership
from services.state.panels import PanelStore
from services.state.parked import ParkedStore
from services.state.pulls import PullStore
from services.state.records import RecordStore
from services.state.resets import ResetStore
from services.state.rewards import RewardStore
from services.state.streams import EVENTS, TRUTH
from services.state.traffic import TrafficStore
from services.state.truth import TruthLog

GROUP = "feedback"

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Assembly:
    """A process's parts. `works` run in the background by name, from the start to `hand_over`."""

    servicer: FeedbackServicer
    follower: CatalogFollower
    ownership: Ownership
    publisher: Publisher
    settling: Settling
    finder: Finder
    evidence: Folder
    router: RouterDoor
    canary: CanaryParts
    works: Mapping[str, Work]

    async def hand_over(self, tasks: list[asyncio.Task[None]]) -> None:
        """Give the partitions to the others, then end the background work. Raises StateUnavailable."""
        try:
            await self.ownership.drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def assemble(
    connections: Connections,
    settings: FeedbackSettings,
    metrics: Metrics,
    rng: random.Random,
    now: Callable[[], float],
    telemetry: Telemetry | None = None,
) -> Assembly:
    """Build it; nothing runs and nothing is read yet."""
    redis = connections.steady
    rulebook = Rulebook(ConfigReader(connections, ROUTERS, now))
    ownership = Ownership(connections, GROUP, new_uid(now(), rng), rng=rng)
    records, snapshots = RecordStore(connections), SnapshotStore(connections)
    standings = Standings(RewardStore(redis), PullStore(redis), snapshots, Contexts(records))
    settling = Settling(rulebook, standings.rewards, metrics, now)
    parking = Parking(ParkedStore(redis, settings.parked_items))
    finder = Finder(rulebook, AttributionIndex(connections), now)
    publisher = Publisher(rulebook, standings, snapshots, ownership, now, settings.publish_seconds)
    rulebook.on_change = publisher.wake
    follower = CatalogFollower(connections, rng=rng, on_change=rulebook.take)
    rulebook.aliases = lambda: follower.aliases
    draws, truths = Draws(standings.pulls, settling), Truths(records, settling, parking, now)
    consume = partial(PartitionConsumer, connections, ownership, rng=rng)
    evidence = folder_of(connections, rulebook, ownership, now, follower.ready.is_set)
    events = _events(draws, Traffic(TrafficStore(connections), rulebook, now), evidence.noting)
    seen, told = consume(EVENTS, events), consume(TRUTH, truths.handle, entries=ENTRIES)
    meter = _meter(connections, rulebook, standings.rewards, ownership, rng, now)
    figures = ModelMetricsReader(connections, uid_of=rulebook.uid_of, now=now, rng=rng)
    works: dict[str, Work] = {
        "catalog": follower.run,
        "ownership": ownership.run,
        "draws": seen.run,
        "truths": told.run,
        "gauges": ConsumerGauges(ownership, [seen, told], metrics, rng).run,
        "notices": Notices(connections, lambda: ownership.owned, publisher.wake, rng).run,
        "publisher": publisher.run,
        "evidence": evidence.run,
        "models": meter.run,
        "parked": Sweeper(records, parking, settling, finder, lambda: ownership.owned, now).run,
        "accuracy": AccuracyGauge(rulebook, figures, metrics, rng).run,
    }
    intake = Intake(records, settling, parking, TruthLog(connections), finder, now)
    requests, durability = Requests(connections), Durability(redis, now)
    importer, resets = Importer(intake, metrics, now), ResetStore(redis)
    intaking = Intaking(intake, Joint(intake), importer, resets, requests, rulebook, durability, metrics, now)
    store = EvidenceStore(evidence.desk.log)
    door = RouterDoor(settings.router, fellow(settings), telemetry)
    evaluator = Evaluator(Gathering(records, EarnedReader(connections), now), door, rulebook, now)
    fitter = fitter_of(connections, door, now)
    canary = canaries_of(connections, rulebook, ownership, store, door, rng, now)
    works |= canary.works
    servicer = FeedbackServicer(
        intaking, rulebook, standings, snapshots, store, evaluator, fitter, canary.canaries, now
    )
    return Assembly(servicer, follower, ownership, publisher, settling, finder, evidence, door, canary, works)


def _events(draws: Draws, traffic: Traffic, noting: Noting) -> Handler[EventBatch]:
    async def handle(partition: int, fence: Fence, entries: Sequence[Entry[EventBatch]]) -> None:
        # Each knows what it has counted, so dying between them costs none.
        await draws.handle(partition, fence, entries)
        await traffic.handle(partition, fence, entries)
        await noting.handle(partition, fence, entries)

    return handle


def _meter(
    connections: Connections,
    rulebook: Rulebook,
    rewards: RewardStore,
    ownership: Ownership,
    rng: random.Random,
    now: Callable[[], float],
) -> ModelMeter:
    labels = LabelWatch(rulebook, rewards)
    stores = TrafficStore(connections), ModelMetricsStore(connections)
    panels = PanelWatch(rulebook, PanelStore(connections))
    return ModelMeter(rulebook, *stores, labels, panels, ownership, now, rng)
