"""Keeps `ensemble_model_accuracy` true: every process shows the same value for the same model."""

import asyncio
import random
from dataclasses import dataclass, field

from services.feedback.rulebook import Rulebook
from services.foundation.logs import log
from services.foundation.metrics import Metrics
from services.state.errors import NewerFormat, StateUnavailable
from services.state.rewards import UNITS, Learner, RewardStore

# A scrape comes every 15 s or so; what it reads is at most this much older.
REFRESH_SECONDS = 2.0


@dataclass
class AccuracyGauge:
    """Shows the share of correct answers of each model that a router has, over its newest labels.

    A model in several partitions is shown by the sum of their windows.
    """

    rulebook: Rulebook
    rewards: RewardStore
    metrics: Metrics
    rng: random.Random
    _shown: set[str] = field(default_factory=set)

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
        """Show what is known now. Raises StateUnavailable."""
        shown = await self._shares()
        for name, share in shown.items():
            self.metrics.model_accuracy[name].set(share)
        for name in self._shown - shown.keys():
            self.metrics.model_accuracy.remove(name)
        self._shown = set(shown)

    async def _shares(self) -> dict[str, float]:
        places = self.rulebook.models_in_use()
        learners: list[Learner] = sorted(set().union(*places.values()))
        states = dict(zip(learners, await self.rewards.read_all(learners), strict=True))
        found = {}
        for name, whose in places.items():
            totals = [totals for learner in whose for totals in states[learner].arms.values()]
            if labels := sum(each.window_n for each in totals):
                found[name] = sum(each.window_sum for each in totals) / labels / UNITS
        return found
