"""A model is deleted while routers that name it are written: one of the two is refused, whoever is slower."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from services.foundation.identity.caller import Caller
from services.router.config.defaults import with_defaults
from services.router.managing.asked import Asked
from services.router.managing.drafting import Drafts
from services.router.managing.lifecycle import REGISTERED
from services.state.alias_table import AliasTable
from services.state.audit import Author
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore, Written
from services.state.connection import Connections
from services.state.errors import ModelNotFound
from services.state.kinds import MODELS, ROUTERS
from services.state.leaving import Leaving
from services.state.permissions import CatalogPermissions
from tests.router.conftest import Desk, doctors
from tests.router.resource.asking import ask, fields_of, read, refusal

ROUNDS = 12
BY = Asked(Author("ann", "CreateRouter", "r1"), Caller("ann", "", admin=True))


class Overtaken(ConfigStore[Router]):
    """Routers, before the next write of which somebody else has a turn."""

    turn: Callable[[], Awaitable[object]]

    async def create(self, message: Router, *given: Any, **how: Any) -> Written[Router]:
        turn, self.turn = self.turn, _nothing
        await turn()
        return await super().create(message, *given, **how)

    async def update(self, name: str, *given: Any, **how: Any) -> Written[Router]:
        turn, self.turn = self.turn, _nothing
        await turn()
        return await super().update(name, *given, **how)


async def _nothing() -> None:
    return None


@pytest.fixture
def models(connections: Connections) -> ConfigStore[Model]:
    return ConfigStore(connections, MODELS, time.time, random.Random(1))


@pytest.fixture
def drafts(connections: Connections, models: ConfigStore[Model]) -> Drafts:
    routers = Overtaken(connections, ROUTERS, time.time, random.Random(2))
    routers.turn = _nothing
    follower = CatalogFollower(connections, rng=random.Random(3))
    permissions = CatalogPermissions(connections, follower)
    return Drafts(routers, models, AliasTable(connections), permissions, Leaving(connections), time.time)


async def seat(models: ConfigStore[Model], *names: str) -> None:
    for name in names:
        await models.create(Model(name=f"models/{name}"))


def wanted(*names: str) -> Router:
    return with_defaults(Router(name="routers/r", variants=[{"model": name} for name in names]))


async def test_a_router_is_not_left_with_a_model_that_went_before_it_was_written(
    drafts: Drafts, models: ConfigStore[Model]
) -> None:
    await seat(models, "a", "b")
    drafts.routers.turn = lambda: models.delete("models/b")  # type: ignore[attr-defined]
    with pytest.raises(ModelNotFound) as refused:
        await drafts.create(wanted("a", "b"), REGISTERED, BY)
    assert [one.field for one in refused.value.fields] == ["router.variants[1].model"]
    assert await drafts.routers.find("routers/r") is None


async def test_nor_with_one_that_is_about_to_go(
    drafts: Drafts, models: ConfigStore[Model], connections: Connections
) -> None:
    await seat(models, "a", "b")
    leaving = Leaving(connections).of("models/b")
    # Who deletes has looked for routers already, and has not deleted yet.
    drafts.routers.turn = leaving.__aenter__  # type: ignore[attr-defined]
    with pytest.raises(ModelNotFound):
        await drafts.create(wanted("a", "b"), REGISTERED, BY)
    assert await drafts.routers.find("routers/r") is None
    await leaving.__aexit__(None, None, None)
    drafts.routers.turn = _nothing  # type: ignore[attr-defined]
    assert (await drafts.create(wanted("a", "b"), REGISTERED, BY)).message.uid


async def test_a_changed_router_goes_back_to_what_it_was(drafts: Drafts, models: ConfigStore[Model]) -> None:
    await seat(models, "a", "b", "c")
    before = (await drafts.create(wanted("a", "b"), REGISTERED, BY)).message
    drafts.routers.turn = lambda: models.delete("models/c")  # type: ignore[attr-defined]
    with pytest.raises(ModelNotFound):
        await drafts.configure(
            "routers/r", lambda router: router.variants[1].CopyFrom(wanted("c").variants[0]), BY
        )
    after = await drafts.routers.read("routers/r")
    assert list(after.variants) == list(before.variants)
    assert after.generation == before.generation + 2


async def test_what_a_router_had_before_does_not_stand_in_the_way(
    drafts: Drafts, models: ConfigStore[Model]
) -> None:
    await seat(models, "a", "b")
    await drafts.create(wanted("a", "b"), REGISTERED, BY)
    await models.delete("models/b")

    def heavier(router: Router) -> None:
        router.variants[0].weight = 7

    assert (await drafts.configure("routers/r", heavier, BY)).message.variants[0].weight == 7


async def attempted(call: Awaitable[Any]) -> str:
    """What became of it: OK, or why not."""
    try:
        await call
    except RemoteError as refused:
        return refused.reason
    return "OK"


async def test_sent_at_once_one_of_the_two_is_refused(desk: Desk) -> None:
    model = registration("cancer-bayes", desk.servers["cancer-bayes"].address)
    rng, both = random.Random(5), set[tuple[str, str]]()
    for place in range(ROUNDS):
        model.name, model.served_name = f"models/m{place}", "cancer-bayes"
        await desk.register(model)
        router = doctors(weighted={})
        router.variants.add(model=model.name)
        asked = [
            attempted(ask(desk, "CreateRouter", router_id=f"r{place}", router=router)),
            attempted(ask(desk, "ModelService/DeleteModel", name=model.name)),
        ]
        order = rng.sample((0, 1), 2)
        found = await asyncio.gather(*(asked[one] for one in order))
        created, deleted = (found[order.index(one)] for one in (0, 1))
        both.add((created, deleted))
        if created == "OK":
            assert (await read(desk, f"r{place}")).variants[2].model == model.name
            assert (await ask(desk, "ModelService/GetModel", name=model.name)).model.name == model.name
    assert ("OK", "OK") not in both
    assert both <= {("OK", "MODEL_IN_USE"), ("MODEL_NOT_FOUND", "OK"), ("MODEL_NOT_FOUND", "MODEL_IN_USE")}


async def test_a_refused_deletion_leaves_the_model_usable_at_once(desk: Desk) -> None:
    await desk.create("r", doctors(weighted={}))
    assert (await refusal(desk, "ModelService/DeleteModel", name="cancer-bayes")).reason == "MODEL_IN_USE"
    await desk.create("s", doctors(weighted={}))
    error = await refusal(
        desk, "CreateRouter", router=Router(variants=[{"model": "cancer-bayes"}, {"model": "gone"}])
    )
    assert fields_of(error) == ["router.variants[1].model"]
