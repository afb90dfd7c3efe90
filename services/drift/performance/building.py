"""What reads of a model's history stand on."""

from collections.abc import Callable
from dataclasses import dataclass

from turnout.router.v1.router_pb2 import Router

from services.drift.concept.store import ConceptStore
from services.drift.performance.history import HistoryReader
from services.drift.performance.remembering import Remembered
from services.state.asked import AskedStore
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.kinds import ROUTERS
from services.state.qualities import QualityStore


@dataclass(frozen=True, slots=True)
class Performance:
    """The stores: what feedback has counted of models, the routers that asked them, what detectors say."""

    history: HistoryReader
    routers: ConfigReader[Router]
    concept: ConceptStore


def performance_of(connections: Connections, now: Callable[[], float]) -> Performance:
    """On their connections; `now` is in seconds since 1970."""
    redis = connections.steady
    return Performance(
        HistoryReader(Remembered(QualityStore(redis)), AskedStore(redis)),
        ConfigReader(connections, ROUTERS, now),
        ConceptStore(connections),
    )
