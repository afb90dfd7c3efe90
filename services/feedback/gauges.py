"""Keeps the gauges of models' quality true: they say what ModelMetrics says, in every process the same."""

import asyncio
import random
from dataclasses import dataclass, field

from turnout.feedback.v1.metrics_pb2 import ModelMetrics

from services.feedback.rulebook import Rulebook
from services.foundation.logs import log
from services.foundation.metrics import Metrics
from services.state.errors import NewerFormat, StateUnavailable
from services.state.model_metrics import ModelMetricsReader

# A scrape comes every 15 s or so; what it reads is at most this much older.
REFRESH_SECONDS = 2.0
MEASURES = (*("labels", "error_rate", "precision", "recall", "f1", "log_loss", "mae", "rmse", "agreement"),)


@dataclass
class AccuracyGauge:
    """Shows the published accuracy of each model that has labels, and whatever else is known of it."""

    rulebook: Rulebook
    published: ModelMetricsReader
    metrics: Metrics
    rng: random.Random
    _shown: set[str] = field(default_factory=set)
    _measured: set[tuple[str, str]] = field(default_factory=set)

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            try:
                await self.refresh()
            except (StateUnavailable, NewerFormat) as error:
                log.warning("the accuracy of models is not refreshed now", why=str(error))
            # Processes that started together must not read together.
            await asyncio.sleep(REFRESH_SECONDS * (0.75 + self.rng.random() / 2))

    async def refresh(self) -> None:
        """Show what is published now. Raises StateUnavailable."""
        await self.published.poll()
        shown: dict[str, float] = {}
        measured: dict[tuple[str, str], float] = {}
        for name in self.rulebook.models().values():
            found = self.published.get(name) or ModelMetrics()
            if found.HasField("accuracy"):
                shown[name] = found.accuracy
            told = {field.name: value for field, value in found.ListFields()}
            measured |= {(name, measure): told[measure] for measure in MEASURES if measure in told}
        for name, share in shown.items():
            self.metrics.model_accuracy[name].set(share)
        for name in self._shown - shown.keys():
            self.metrics.model_accuracy.remove(name)
        self._shown = set(shown)
        for labels, value in measured.items():
            self.metrics.model_quality[labels].set(value)
        for labels in self._measured - measured.keys():
            self.metrics.model_quality.remove(*labels)
        self._measured = set(measured)
