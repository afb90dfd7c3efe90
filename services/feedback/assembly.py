"""What a feedback process is made of: its ground, what runs in the background, and the servicer on top."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.feedback.attribution import Finder
from services.feedback.canary.building import CanaryParts, canaries_of
from services.feedback.durability import Durability
from services.feedback.evidence.building import folder_of
from services.feedback.evidence.folder import Folder
from services.feedback.evidence.reading import EvidenceStore
from services.feedback.ground import Ground, lay
from services.feedback.importing import Importer
from services.feedback.intake import Intake
from services.feedback.joining import Joint
from services.feedback.offpolicy.gathering import Gathering
from services.feedback.offpolicy.rpcs import Evaluator
from services.feedback.publisher import Publisher
from services.feedback.router_door import RouterDoor
from services.feedback.rpcs import Intaking
from services.feedback.servicer import FeedbackServicer
from services.feedback.settings import FeedbackSettings
from services.feedback.settling import Settling
from services.feedback.stackers.building import fitter_of
from services.feedback.works import Work, works_of
from services.foundation.fellow import fellow
from services.foundation.metrics import Metrics
from services.foundation.telemetry import Telemetry
from services.state.catalog import CatalogFollower
from services.state.connection import Connections
from services.state.earned import EarnedReader
from services.state.once import Requests
from services.state.ownership import Ownership
from services.state.resets import ResetStore
from services.state.truth import TruthLog


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
    ground = lay(connections, settings, metrics, rng, now)
    rulebook, ownership, snapshots = ground.rulebook, ground.ownership, ground.snapshots
    publisher = Publisher(rulebook, ground.standings, snapshots, ownership, now, settings.publish_seconds)
    rulebook.on_change = publisher.wake
    evidence = folder_of(connections, rulebook, ownership, now, ground.follower.ready.is_set)
    store = EvidenceStore(evidence.desk.log)
    door = RouterDoor(settings.router, fellow(settings), telemetry)
    canary = canaries_of(connections, rulebook, ownership, store, door, rng, now, metrics)
    evaluator = Evaluator(Gathering(ground.records, EarnedReader(connections), now), door, rulebook, now)
    servicer = FeedbackServicer(
        _intaking(ground),
        rulebook,
        ground.standings,
        snapshots,
        store,
        evaluator,
        fitter_of(connections, door, now),
        canary.canaries,
        now,
    )
    works = {**works_of(ground, publisher, evidence), **canary.works}
    parts = ground.follower, ownership, publisher, ground.settling, ground.finder
    return Assembly(servicer, *parts, evidence, door, canary, works)


def _intaking(ground: Ground) -> Intaking:
    redis, now, metrics = ground.connections.steady, ground.now, ground.metrics
    truths = TruthLog(ground.connections)
    intake = Intake(ground.records, ground.settling, ground.parking, truths, ground.finder, now)
    requests, durability = Requests(ground.connections), Durability(redis, now)
    importer, resets = Importer(intake, metrics, now), ResetStore(redis)
    return Intaking(
        intake, Joint(intake), importer, resets, requests, ground.rulebook, durability, metrics, now
    )
