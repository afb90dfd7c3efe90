"""The one door of predictions that were made elsewhere."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from turnout.drift.v1.logging_pb2 import LogPredictionRequest
from turnout.router.v1.model_pb2 import Model

from services.drift.logging.events import event_of
from services.foundation.errors import TurnoutError, Unavailable
from services.state.config_reader import ConfigReader
from services.state.names import resource_name
from services.state.outside import Logged, Outside, OutsideLog

Outcome: TypeAlias = Logged | TurnoutError
# Raises for a model, as its caller wrote it, that he may not log for.
Demand: TypeAlias = Callable[[str], None]

# Seconds from one of a group to the next: ids order by time, and lists by ids.
APART = 1e-6


def nothing(_model: str) -> None:
    """What is demanded where everybody may."""


@dataclass(frozen=True, slots=True)
class Door:
    """Logs predictions. `now` is in seconds since 1970."""

    models: ConfigReader[Model]
    log: OutsideLog
    now: Callable[[], float]
    rng: random.Random

    async def take(self, request: LogPredictionRequest) -> Logged:
        """Log one; when this returns Redis has it. Raises what is wrong with it, StoreFull, and
        StateUnavailable."""
        (outcome,) = await self.take_all([request])
        if isinstance(outcome, TurnoutError):
            raise outcome
        return outcome

    async def take_all(
        self, requests: Sequence[LogPredictionRequest], demand: Demand = nothing
    ) -> list[Outcome]:
        """The same for many in one round trip, each for itself.

        Raises StateUnavailable and NewerFormat; some may be logged then, and with their keys all of them
        again changes nothing.
        """
        now = self.now()
        models: dict[str, Model | TurnoutError] = {}
        outcomes: dict[int, Outcome] = {}
        sound: dict[int, Outside] = {}
        for place, request in enumerate(requests):
            try:
                model = await self._model(request.model, models, demand)
                sound[place] = event_of(request, model, now + place * APART, self.rng)
            except Unavailable:
                raise
            except TurnoutError as wrong:
                outcomes[place] = wrong
        outcomes |= zip(sound, await self.log.append(list(sound.values())), strict=True)
        return [outcomes[place] for place in range(len(requests))]

    async def _model(self, given: str, known: dict[str, Model | TurnoutError], demand: Demand) -> Model:
        found = known.get(given)
        if found is None:
            try:
                name = resource_name("models", given, "model")
                demand(given)
                found = await self.models.read(name, field="model")
            except Unavailable:
                raise
            except TurnoutError as wrong:
                found = wrong
            known[given] = found
        if isinstance(found, TurnoutError):
            raise found
        return found
