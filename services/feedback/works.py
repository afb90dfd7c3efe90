"""What runs in the background of a feedback process."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from services.feedback.agreeing import PanelWatch
from services.feedback.draws import Draws
from services.feedback.evidence.folder import Folder
from services.feedback.evidence.noting import Noting
from services.feedback.gauges import AccuracyGauge
from services.feedback.ground import Ground
from services.feedback.history import History
from services.feedback.learnt_labels import LabelWatch
from services.feedback.measuring import ModelMeter
from services.feedback.notices import Notices
from services.feedback.publisher import Publisher
from services.feedback.sweeping import Sweeper
from services.feedback.traffic import Traffic
from services.feedback.truths import ENTRIES, Truths
from services.state.asked import AskedStore
from services.state.consumer import Entry, Handler, PartitionConsumer
from services.state.fenced import Fence
from services.state.gauges import ConsumerGauges
from services.state.logged import Logged
from services.state.model_metrics import ModelMetricsReader, ModelMetricsStore
from services.state.panels import PanelStore
from services.state.streams import EVENTS, TRUTH
from services.state.traffic import TrafficStore

Work = Callable[[], Coroutine[Any, Any, None]]


def works_of(ground: Ground, publisher: Publisher, evidence: Folder) -> dict[str, Work]:
    """Each by its name."""
    draws = Draws(ground.standings.pulls, ground.settling)
    truths = Truths(ground.records, ground.settling, ground.parking, ground.now)
    traffic = Traffic(TrafficStore(ground.connections), ground.rulebook, ground.now)
    history = History(AskedStore(ground.connections.steady), ground.rulebook, ground.now)
    consume = partial(PartitionConsumer, ground.connections, ground.ownership, rng=ground.rng)
    seen = consume(EVENTS, _events(draws, traffic, history, evidence.noting))
    told = consume(TRUTH, truths.handle, entries=ENTRIES)
    return {
        "catalog": ground.follower.run,
        "ownership": ground.ownership.run,
        "draws": seen.run,
        "truths": told.run,
        "gauges": ConsumerGauges(ground.ownership, [seen, told], ground.metrics, ground.rng).run,
        "notices": Notices(ground.connections, ground.owned, publisher.wake, ground.rng).run,
        "publisher": publisher.run,
        "evidence": evidence.run,
        "models": _meter(ground).run,
        "parked": Sweeper(
            ground.records, ground.parking, ground.settling, ground.finder, ground.owned, ground.now
        ).run,
        "accuracy": _gauge(ground).run,
    }


def _events(draws: Draws, traffic: Traffic, history: History, noting: Noting) -> Handler[Logged]:
    async def handle(partition: int, fence: Fence, entries: Sequence[Entry[Logged]]) -> None:
        # Each knows what it has counted, so dying between them costs none.
        await draws.handle(partition, fence, entries)
        await traffic.handle(partition, fence, entries)
        await history.handle(partition, fence, entries)
        await noting.handle(partition, fence, entries)

    return handle


def _meter(ground: Ground) -> ModelMeter:
    connections, rulebook = ground.connections, ground.rulebook
    labels = LabelWatch(rulebook, ground.standings.rewards)
    stores = TrafficStore(connections), ModelMetricsStore(connections)
    panels = PanelWatch(rulebook, PanelStore(connections))
    return ModelMeter(rulebook, *stores, labels, panels, ground.ownership, ground.now, ground.rng)


def _gauge(ground: Ground) -> AccuracyGauge:
    rulebook = ground.rulebook
    figures = ModelMetricsReader(ground.connections, uid_of=rulebook.uid_of, now=ground.now, rng=ground.rng)
    return AccuracyGauge(rulebook, figures, ground.metrics, ground.rng)
