"""Publishes the metrics of models: one process for all of them, the owner of partition 0, once a second.

A model is called by many routers, whose partitions belong to many processes. Each of these counts calls and
labels where it is; the publisher adds up. What a round costs is bounded: the calls of 64 partitions and five
minutes are one round trip, whatever the traffic; of labels it asks for the versions of at most VERSIONS
windows a round, in turn, and reads those that have changed, at most MODELS of them; of panels, those of one
router. And it rests four times as long as a round took, so that it never takes more than a fifth of its
process.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.traffic_pb2 import CallCounts

from services.feedback.agreeing import PanelWatch
from services.feedback.figures import added, agreement_told, metrics_of, quality_told, same
from services.feedback.learnt_labels import LabelWatch
from services.feedback.rulebook import Rulebook
from services.foundation.errors import Aborted, Unavailable
from services.foundation.logs import log
from services.state.errors import NewerFormat
from services.state.ids import PARTITIONS
from services.state.model_metrics import ModelMetricsStore
from services.state.outcomes import OTHER
from services.state.ownership import Ownership
from services.state.traffic import TrafficStore

LEADING = 0
ROUND_SECONDS = 1.0
REST = 4.0
# This minute and those before it: never more than the last five minutes.
MINUTES = 5


@dataclass
class ModelMeter:
    """Publishes while this process owns partition LEADING. `now` is in seconds since 1970."""

    rulebook: Rulebook
    traffic: TrafficStore
    store: ModelMetricsStore
    labels: LabelWatch
    panels: PanelWatch
    ownership: Ownership
    now: Callable[[], float]
    rng: random.Random
    _version: int = 0
    _published: dict[str, ModelMetrics] = field(default_factory=dict)
    # The token under which `_published` was read; 0 while it has to be read again.
    _token: int = 0

    async def run(self) -> None:
        """Publish until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            try:
                await self.publish_changed()
            except (Unavailable, Aborted, NewerFormat) as error:
                self._token = 0
                log.warning("metrics of models are not published now", why=str(error))
            rest = max(ROUND_SECONDS, REST * (clock() - begun))
            await asyncio.sleep(rest * (0.9 + self.rng.random() / 10))

    async def publish_changed(self) -> None:
        """Publish the models whose metrics differ from what is published; nothing where another one leads.

        Raises StateUnavailable, LostLease, Aborted, NewerFormat; the next round then reads what is there.
        """
        owned = self.ownership.owned.get(LEADING)
        if owned is None:
            return
        if owned != self._token:
            await self._begin(owned)
        models, now = self.rulebook.models(), self.now()
        calls = await self._calls(now)
        await self.labels.refresh()
        await self.panels.refresh(now)
        measured = {uid: self._measured(uid, name, calls) for uid, name in models.items()}
        changed = {
            uid: one for uid, one in measured.items() if one and not same(self._published.get(uid), one)
        }
        for one in changed.values():
            one.compute_time.FromMicroseconds(int(now * 1e6))
        gone = self._published.keys() - models.keys()
        fence = self.ownership.fence(LEADING)
        self._version = await self.store.publish(fence, self._version, self._published, changed, gone, now)
        self._published = {uid: one for uid, one in self._published.items() if uid not in gone} | changed

    async def _begin(self, token: int) -> None:
        self._version, self._published = await self.store.read()
        self.labels.begin({uid: quality_told(one) for uid, one in self._published.items()})
        self.panels.begin({uid: agreement_told(one) for uid, one in self._published.items() if one.panels})
        self._token = token

    async def _calls(self, now: float) -> Mapping[str, CallCounts]:
        latest = int(now // 60)
        minutes = range(latest - MINUTES + 1, latest + 1)
        places = [(partition, minute) for partition in range(PARTITIONS) for minute in minutes]
        counts: dict[str, list[CallCounts]] = defaultdict(list)
        for bucket in await self.traffic.calls(places):
            for uid, model in bucket.models.items():
                counts[uid].append(model.calls)
        return {uid: added(some) for uid, some in counts.items() if uid != OTHER}

    def _measured(self, uid: str, name: str, calls: Mapping[str, CallCounts]) -> ModelMetrics | None:
        """None for a model of which nothing was ever known."""
        quality, called, agreed = self.labels.known.get(uid), calls.get(uid), self.panels.of(uid)
        if quality is None and called is None and not agreed.of and uid not in self._published:
            return None
        return metrics_of(uid, name, quality or self.labels.nothing, called or CallCounts(), agreed)
