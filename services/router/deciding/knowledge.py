"""What others publish of models, as plans read it."""

from collections.abc import Callable
from typing import NamedTuple

from turnout.feedback.v1.metrics_pb2 import ModelMetrics

from services.router.managing.aliases import resolve
from services.router.serving.measured import Measured
from services.state.catalog import CatalogFollower


def _nothing(_model: str) -> None:
    """Nobody has measured anything."""


class Knowledge(NamedTuple):
    """Metrics and drift status of a model by its name or alias, None where there is nothing; and the version
    of the metrics, which grows whenever one of them changes."""

    metrics: Callable[[str], ModelMetrics | None] = _nothing
    drift: Callable[[str], str | None] = _nothing
    version: int = 0


NOTHING_KNOWN = Knowledge()


def knowledge_of(measured: Measured, follower: CatalogFollower) -> Callable[[], Knowledge]:
    """What is known, as of each call."""

    def metrics(model: str) -> ModelMetrics | None:
        return measured.metrics.get(resolve(model, follower.aliases))

    def drift(model: str) -> str | None:
        return measured.verdicts.get(resolve(model, follower.aliases))

    return lambda: Knowledge(metrics, drift, measured.metrics.version)
