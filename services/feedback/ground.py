"""What the parts of a feedback process stand on: the rules it follows, the partitions it owns, its stores."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.feedback.attribution import Finder
from services.feedback.contexts import Contexts
from services.feedback.parking import Parking
from services.feedback.rulebook import Rulebook
from services.feedback.settings import FeedbackSettings
from services.feedback.settling import Settling
from services.feedback.standings import Standings
from services.foundation.metrics import Metrics
from services.state.attribution import AttributionIndex
from services.state.catalog import CatalogFollower
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.ids import new_uid
from services.state.kinds import ROUTERS
from services.state.learned import SnapshotStore
from services.state.ownership import Ownership
from services.state.parked import ParkedStore
from services.state.pulls import PullStore
from services.state.records import RecordStore
from services.state.rewards import RewardStore

GROUP = "feedback"


@dataclass(frozen=True, slots=True)
class Ground:
    """Shared by all parts. `now` is in seconds since 1970."""

    connections: Connections
    settings: FeedbackSettings
    metrics: Metrics
    rng: random.Random
    now: Callable[[], float]
    rulebook: Rulebook
    follower: CatalogFollower
    ownership: Ownership
    records: RecordStore
    snapshots: SnapshotStore
    standings: Standings
    settling: Settling
    parking: Parking
    finder: Finder

    def owned(self) -> Mapping[int, int]:
        """The partitions of this process at this moment, with the tokens of their leases."""
        return self.ownership.owned


def lay(
    connections: Connections,
    settings: FeedbackSettings,
    metrics: Metrics,
    rng: random.Random,
    now: Callable[[], float],
) -> Ground:
    """Build it; nothing runs and nothing is read yet."""
    redis = connections.steady
    rulebook = Rulebook(ConfigReader(connections, ROUTERS, now))
    follower = CatalogFollower(connections, rng=rng, on_change=rulebook.take)
    rulebook.aliases = lambda: follower.aliases
    records, snapshots = RecordStore(connections), SnapshotStore(connections)
    ownership = Ownership(connections, GROUP, new_uid(now(), rng), rng=rng)
    rewards = RewardStore(redis, lambda: ownership.owned, rulebook.changed)
    standings = Standings(rewards, PullStore(redis), snapshots, Contexts(records))
    return Ground(
        connections,
        settings,
        metrics,
        rng,
        now,
        rulebook,
        follower,
        ownership,
        records,
        snapshots,
        standings,
        Settling(rulebook, rewards, metrics, now),
        Parking(ParkedStore(redis, settings.parked_items)),
        Finder(rulebook, AttributionIndex(connections), now),
    )
