"""What every method of DriftService stands on."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.desk import AlertDesk
from services.drift.baseline_store import BaselineStore
from services.drift.inquiry import Inquirer
from services.drift.intake import Intake
from services.drift.making.building import Making
from services.drift.performance.building import Performance
from services.drift.profile_store import ProfileStore
from services.drift.result_store import ResultStore
from services.foundation.errors import InvalidArgument
from services.state.config_reader import ConfigReader
from services.state.names import ID, ID_RULE, resource_name


@dataclass(frozen=True, slots=True)
class Ground:
    """The stores. `now` is in seconds since 1970."""

    models: ConfigReader[Model]
    baselines: BaselineStore
    making: Making
    profiles: ProfileStore
    results: ResultStore
    inquirer: Inquirer
    intake: Intake
    performance: Performance
    alerts: AlertDesk
    now: Callable[[], float]
    rng: random.Random

    async def model(self, given: str) -> Model:
        """The model of that name, as stored now. Raises BadName, ModelNotFound."""
        return await self.models.read(resource_name("models", given, "model"), field="model")

    async def child(self, given: str, collection: str) -> tuple[Model, str]:
        """The model that `models/{id}/{collection}/{id}` belongs to, and the last id. Raises
        InvalidArgument, ModelNotFound."""
        parts = given.split("/")
        if len(parts) != 4 or parts[::2] != ["models", collection] or not all(map(ID.fullmatch, parts[1::2])):
            said = f"must be models/{{id}}/{collection}/{{id}}, where an id is {ID_RULE}; got {given[:100]!r}"
            raise InvalidArgument(f"name {said}", fields=[("name", said)])
        return await self.models.read("/".join(parts[:2]), field="name"), parts[3]
