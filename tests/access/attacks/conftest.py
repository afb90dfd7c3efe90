"""One suite for all attacks: a victim's router, models and prediction, and a stranger who has his own."""

import random
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.contract import method_of
from services.foundation.errors import RemoteError
from services.state import ids
from services.state.embedded import EmbeddedRedis
from tests.access.house import House, enforced
from tests.waiting import eventually


class Scene(NamedTuple):
    """`vault` is a router and a model of owner's, `prediction` was made by that router; `mine` is a router of
    the stranger's own models `mine-a` and `mine-b`."""

    house: House
    vault: Router
    prediction: str
    absent: str
    """Id of a prediction that nobody made."""


async def furnish(house: House) -> None:
    """What the stranger has himself."""
    for name in ("mine-a", "mine-b"):
        model = registration("cancer-bayes", "127.0.0.1:9")
        model.name = f"models/{name}"
        await house.call("stranger", "ModelService/RegisterModel", models.RegisterModelRequest(model=model))
    mine = Router(variants=[{"model": "mine-a"}, {"model": "mine-b"}])
    made = routers.CreateRouterRequest(router_id="mine", router=mine)
    await house.call("stranger", "RouterService/CreateRouter", made)
    await house.call("stranger", "RouterService/DeployRouter", routers.DeployRouterRequest(name="mine"))


@pytest.fixture(scope="package")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """On a Redis of its own: it outlives tests that flush the one that all share."""
    folder = tmp_path_factory.mktemp("attacks")
    async with EmbeddedRedis(folder / "redis") as redis, enforced(redis.url, folder) as house:
        vault, _ = await house.make("vault", description="of the owner alone")
        prediction = await house.log(vault)
        await furnish(house)
        await house.recorded([prediction])
        await eventually(lambda: followed(house), within=30)
        yield Scene(house, vault, prediction, beside(vault))


def beside(vault: Router) -> str:
    """An id of a prediction that the vault could have made: who may report early on what the partition holds
    is another question."""
    return ids.new_prediction_id(ids.partition_for(vault.uid), 1_700_000_000.0, random.Random(3))


async def followed(house: House) -> bool:
    """Whether every service has heard of what was made last."""
    asked: list[tuple[str, Any]] = [
        ("turnout.aggregator.v1.AggregatorService/GetDivergence", {"router": "mine"}),
        ("turnout.feedback.v1.FeedbackService/GetRewards", {"router": "mine"}),
        ("turnout.drift.v1.DriftService/GetAlertConfig", {"model": "mine-a"}),
        ("turnout.drift.v1.DriftService/GetAlertConfig", {"model": "vault"}),
    ]
    for name, fields in asked:
        service, _, method = name.partition("/")
        try:
            await house.call("admin", name, method_of(service, method).request(**fields))
        except RemoteError as refused:
            if refused.reason in ("ROUTER_NOT_FOUND", "MODEL_NOT_FOUND"):
                return False
    return True
