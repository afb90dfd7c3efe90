"""What the methods of RouterService share."""

import random
from dataclasses import dataclass

from services.router.logbook.export import Archive
from services.router.logbook.feed import Feed
from services.router.managing.drafting import Drafts
from services.router.managing.rollout import Rollouts
from services.router.managing.telling import FeedbackDoor
from services.router.managing.watching import Lookout
from services.router.pods.target import Pods
from services.router.reporting.report import Reports
from services.state.audit import AuditLog
from services.state.heartbeats import Heartbeats
from services.state.learned import SnapshotStore
from services.state.model_metrics import ModelMetricsStore
from services.state.permissions import CatalogPermissions
from services.state.records import RecordStore


@dataclass(frozen=True, slots=True)
class Office:
    """Where routers are written, brought to the replicas, watched and looked up."""

    drafts: Drafts
    rollouts: Rollouts
    records: RecordStore
    archive: Archive
    feed: Feed
    audit: AuditLog
    heartbeats: Heartbeats
    reports: Reports
    feedback: FeedbackDoor
    lookout: Lookout
    permissions: CatalogPermissions
    learnt: SnapshotStore
    metrics: ModelMetricsStore
    rng: random.Random
    pods: Pods | None = None


class Desk:
    """The methods of one theme: a part of RouterService."""

    def __init__(self, office: Office) -> None:
        self.office = office
