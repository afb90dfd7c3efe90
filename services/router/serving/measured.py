"""What is known of models beside their configuration: metrics that feedback publishes, verdicts of drift."""

import time
from collections.abc import Callable
from typing import NamedTuple

from services.foundation.runtime import Runtime
from services.state.catalog import CatalogFollower
from services.state.connection import Connections
from services.state.model_metrics import ModelMetricsReader
from services.state.verdicts import VerdictReader

OnChange = Callable[[frozenset[str]], None]


class Measured(NamedTuple):
    """Both in memory, by name of the model."""

    metrics: ModelMetricsReader
    verdicts: VerdictReader


def follow(
    connections: Connections,
    follower: CatalogFollower,
    runtime: Runtime,
    *,
    drift_expiry: float,
    metrics_changed: OnChange = lambda _names: None,
    verdicts_changed: OnChange = lambda _names: None,
) -> Measured:
    """Follow both in the background; each change is told with the names of the models that it is about.

    drift_expiry: seconds after which a verdict says nothing any more.
    """

    def uid_of(name: str) -> str | None:
        model = follower.models.by_name.get(name)
        return model.uid if model else None

    metrics = ModelMetricsReader(
        connections, uid_of=uid_of, now=time.time, rng=runtime.rng, on_change=metrics_changed
    )
    verdicts = VerdictReader(
        connections,
        uid_of=uid_of,
        now=time.time,
        rng=runtime.rng,
        on_change=verdicts_changed,
        expiry_seconds=drift_expiry,
    )
    runtime.metrics.stale_seconds["model_metrics"].set_function(lambda: metrics.stale_seconds)
    runtime.spawn(metrics.run(), "metrics of models")
    runtime.spawn(verdicts.run(), "verdicts of drift")
    return Measured(metrics, verdicts)
