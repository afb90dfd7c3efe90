"""What counts panels in a process, and what answers questions about them."""

import random
from collections.abc import Callable

from services.aggregator.divergence.collector import Collector
from services.aggregator.divergence.insight import Insight
from services.aggregator.divergence.roll import Roll
from services.foundation.metrics import Metrics
from services.state.catalog import CatalogFollower
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.ids import new_uid
from services.state.kinds import ROUTERS
from services.state.model_metrics import ModelMetricsStore
from services.state.panel_truths import PanelTruthStore
from services.state.panels import PanelStore


def observing(
    connections: Connections,
    catalog: CatalogFollower,
    metrics: Metrics,
    rng: random.Random,
    now: Callable[[], float],
) -> tuple[Collector, Insight]:
    """Build both; nothing runs and nothing is read yet. `now` is in seconds since 1970."""
    roll = Roll(catalog.routers.by_name.get)
    process = new_uid(now(), rng)
    collector = Collector(PanelStore(connections), roll, process, metrics, now, rng)
    insight = Insight(
        ConfigReader(connections, ROUTERS, now),
        collector,
        PanelTruthStore(connections.steady),
        ModelMetricsStore(connections),
        catalog.models.by_name.get,
        now,
    )
    return collector, insight
