"""What a router process is made of for those who manage it, put together."""

import random
import time
from collections.abc import Callable, Collection, Sequence

from turnout.router.v1.router_pb2 import Router

from services.foundation.handlers import Servicer
from services.models.pool import ModelPool
from services.router.logbook.export import Archive
from services.router.logbook.feed import Feed
from services.router.managing.champions import Champions
from services.router.managing.drafting import Drafts
from services.router.managing.office import Office
from services.router.managing.rollout import Rollouts
from services.router.managing.telling import FeedbackDoor
from services.router.managing.watching import Lookout
from services.router.pods.target import Pods
from services.router.reporting.report import reports
from services.router.servicers.ensembles import EnsembleService
from services.router.servicers.models import ModelService
from services.router.servicers.routers import RouterService
from services.state.alias_table import AliasTable
from services.state.audit import AuditLog
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.earned import EarnedReader
from services.state.heartbeats import Heartbeats
from services.state.kinds import MODELS, ROUTERS
from services.state.learned import SnapshotStore
from services.state.leaving import Leaving
from services.state.model_metrics import ModelMetricsStore
from services.state.permissions import CatalogPermissions
from services.state.records import RecordStore
from services.state.tail import EventTail
from services.state.truths import TruthReader
from services.state.walk import RecordWalk


class Management:
    """The stores, and what is made of them. `endpoint()` is where a deployed router answers; `pods` makes
    what sees to routers with pods of their own, if this process does."""

    def __init__(
        self,
        connections: Connections,
        follower: CatalogFollower,
        permissions: CatalogPermissions,
        feedback: FeedbackDoor,
        endpoint: Callable[[], str],
        rng: random.Random,
        pods: Callable[[ConfigStore[Router], Heartbeats], Pods | None] = lambda *_: None,
    ) -> None:
        routers = ConfigStore(connections, ROUTERS, time.time, rng)
        self.models = ConfigStore(connections, MODELS, time.time, rng)
        aliases, heartbeats = AliasTable(connections), Heartbeats(connections)
        self.leaving = Leaving(connections)
        self.drafts = Drafts(routers, self.models, aliases, permissions, self.leaving, time.time)
        self.champions = Champions(routers, self.models, aliases, permissions)
        self.rollouts = Rollouts(routers, heartbeats, endpoint)
        self.lookout = Lookout(follower, routers, heartbeats)
        walk = RecordWalk(connections)
        self.feed = Feed(EventTail(connections, rng), walk, follower)
        self.office = Office(
            drafts=self.drafts,
            rollouts=self.rollouts,
            records=RecordStore(connections),
            archive=Archive(walk, TruthReader(connections), EarnedReader(connections)),
            feed=self.feed,
            audit=AuditLog(connections),
            heartbeats=heartbeats,
            reports=reports(connections, heartbeats, time.time),
            feedback=feedback,
            lookout=self.lookout,
            permissions=permissions,
            learnt=SnapshotStore(connections),
            metrics=ModelMetricsStore(connections),
            rng=rng,
            pods=pods(routers, heartbeats),
        )

    def servicers(self, pool: ModelPool, registry_hosts: Collection[str] = ()) -> Sequence[Servicer]:
        """The services of routers, models and ensembles; models are imported from `registry_hosts`."""
        return [
            RouterService(self.office),
            ModelService(
                self.models, self.champions, self.office.permissions, pool, self.leaving, registry_hosts
            ),
            EnsembleService(self.drafts, self.rollouts, self.office.rng),
        ]
