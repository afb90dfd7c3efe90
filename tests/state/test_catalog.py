"""Every process sees every change, in order, soon, and whatever happens to Redis."""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import AuditEvent

from services.state import ids, keys
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.kinds import MODELS, ROUTERS
from services.state.shelf import Shelf
from tests.state.background import running
from tests.waiting import eventually


def stores(connections: Connections) -> tuple[ConfigStore[Router], ConfigStore[Model]]:
    rng = random.Random(3)
    return ConfigStore(connections, ROUTERS, time.time, rng), ConfigStore(connections, MODELS, time.time, rng)


def follower(connections: Connections, **options: Any) -> CatalogFollower:
    return CatalogFollower(connections, rng=random.Random(4), **options)


def describing(text: str) -> Callable[[Router], None]:
    def change(message: Router) -> None:
        message.description = text

    return change


async def test_loads_what_there_is_and_follows_what_changes(connections: Connections) -> None:
    routers, models = stores(connections)
    await routers.create(Router(name="routers/before"))
    await models.create(Model(name="models/a"))
    catalog = follower(connections)
    async with running(catalog.run()):
        await asyncio.wait_for(catalog.ready.wait(), 5)
        assert set(catalog.routers.by_name) == {"routers/before"}
        assert set(catalog.models.by_name) == {"models/a"}
        made = await routers.create(Router(name="routers/after"))
        assert await catalog.wait_for(made.position, 5)
        assert catalog.routers.by_uid[made.message.uid] == made.message
        assert catalog.position == made.position


async def test_tells_of_changes_in_order(connections: Connections) -> None:
    routers, _ = stores(connections)
    told: list[tuple[str, str | None]] = []
    catalog = follower(
        connections,
        on_change=lambda kind, _, message: told.append((kind, message.description if message else None)),
    )
    async with running(catalog.run()):
        await asyncio.wait_for(catalog.ready.wait(), 5)
        made = await routers.create(Router(name="routers/churn", description="0"))
        for number in range(1, 5):
            made = await routers.update("routers/churn", describing(str(number)))
            assert await catalog.wait_for(made.position, 5)
        gone = await routers.delete("routers/churn")
        assert await catalog.wait_for(gone.position, 5)
        back = await routers.undelete("routers/churn")
        assert await catalog.wait_for(back.position, 5)
    descriptions = [description for _, description in told]
    assert descriptions == ["0", "1", "2", "3", "4", None, "4"]


async def test_a_reconcile_tells_the_end_of_the_former_holder_of_a_name_before_the_next(
    connections: Connections,
) -> None:
    """Whoever keeps things by name would else forget the new one."""
    routers, models = stores(connections)
    told: list[tuple[str, str, bool]] = []
    catalog = follower(
        connections, on_change=lambda kind, uid, message: told.append((kind, uid, message is not None))
    )
    former = await models.create(Model(name="models/a")), await routers.create(Router(name="routers/churn"))
    await catalog.reconcile()
    await models.delete("models/a")
    await routers.discard("routers/churn", etag=former[1].message.etag)
    latter = await models.create(Model(name="models/a")), await routers.create(Router(name="routers/churn"))
    told.clear()
    await catalog.reconcile()
    assert told == [
        ("models", former[0].message.uid, False),
        ("models", latter[0].message.uid, True),
        ("routers", former[1].message.uid, False),
        ("routers", latter[1].message.uid, True),
    ]
    assert catalog.models.by_name["models/a"] == latter[0].message
    assert catalog.routers.by_name["routers/churn"] == latter[1].message


class Lingering(Shelf[Router]):
    """Reads, and keeps the first thing that it read to itself until it is told to go on."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections, ROUTERS)
        self.has_read, self.go_on = asyncio.Event(), asyncio.Event()

    async def read_many(self, uids: list[str]) -> dict[str, Router | Exception | None]:
        found = await super().read_many(uids)
        if not self.has_read.is_set():
            self.has_read.set()
            await self.go_on.wait()
        return found


async def test_what_was_read_first_is_not_taken_in_last(connections: Connections) -> None:
    routers, _ = stores(connections)
    told: list[int] = []
    catalog = follower(connections, on_change=lambda _kind, _uid, message: told.append(message.generation))
    shelf = catalog._shelves["routers"] = Lingering(connections)
    await routers.create(Router(name="routers/churn"))
    slow = asyncio.create_task(catalog.reconcile())
    await shelf.has_read.wait()
    await routers.update("routers/churn", describing("newer"))
    quick = asyncio.create_task(catalog.reconcile())
    # Time enough for it to overtake the slow one, if it could.
    for _ in range(50):
        await connections.steady.ping()
    shelf.go_on.set()
    await asyncio.gather(slow, quick)
    assert told == [1, 2]
    assert catalog.routers.by_name["routers/churn"].description == "newer"


async def test_a_router_that_is_gone_for_good_leaves_its_name_to_another(connections: Connections) -> None:
    routers, _ = stores(connections)
    catalog = follower(connections)
    async with running(catalog.run()):
        await asyncio.wait_for(catalog.ready.wait(), 5)
        former = await routers.create(Router(name="routers/churn"))
        await routers.discard("routers/churn", etag=former.message.etag)
        new = await routers.create(Router(name="routers/churn"))
        assert await catalog.wait_for(new.position, 5)
        assert catalog.routers.by_name["routers/churn"].uid == new.message.uid
        assert former.message.uid not in catalog.routers.by_uid


async def test_finds_what_nobody_announced(connections: Connections) -> None:
    """A writer that died between writing and announcing: the reconcile sees it all the same."""
    _, models = stores(connections)
    catalog = follower(connections, reconcile_seconds=0.2)
    async with running(catalog.run()):
        await asyncio.wait_for(catalog.ready.wait(), 5)
        kept = (await models.create(Model(name="models/kept"))).message
        lost = (await models.create(Model(name="models/lost"))).message
        await eventually(lambda: "models/lost" in catalog.models.by_name)
        quiet = models.kind.copy(kept)
        quiet.family = "trees"
        quiet.etag = models.kind.etag(quiet)
        await models._shelf.write(quiet, kept.etag, None, AuditEvent())
        await models._shelf.delete(lost, lost.etag, None, AuditEvent())
        await models._names.release("models/lost", lost.uid)
        await eventually(lambda: catalog.models.by_uid[kept.uid].family == "trees")
        await eventually(lambda: lost.uid not in catalog.models.by_uid)


async def test_what_it_cannot_read_keeps_its_former_state(connections: Connections) -> None:
    routers, _ = stores(connections)
    catalog = follower(connections, reconcile_seconds=0.2)
    made = (await routers.create(Router(name="routers/churn", description="old"))).message
    async with running(catalog.run()):
        await asyncio.wait_for(catalog.ready.wait(), 5)
        key = keys.config(ids.partition_for(made.uid), "routers", made.uid)
        await connections.steady.hset(key, mapping={"format": "99", "etag": "new"})
        await eventually(lambda: made.uid in catalog.unreadable)
        assert catalog.routers.by_uid[made.uid].description == "old"


async def test_a_listener_that_refuses_one_still_hears_the_others(connections: Connections) -> None:
    routers, _ = stores(connections)

    def refuse(kind: str, uid: str, message: Any) -> None:
        if message.name == "routers/bad":
            raise ValueError("cannot compile it")

    catalog = follower(connections, on_change=refuse)
    async with running(catalog.run()):
        await asyncio.wait_for(catalog.ready.wait(), 5)
        bad = await routers.create(Router(name="routers/bad"))
        good = await routers.create(Router(name="routers/good"))
        assert await catalog.wait_for(good.position, 5)
        assert list(catalog.refused) == [bad.message.uid]


async def test_a_position_that_never_comes_is_not_waited_for(connections: Connections) -> None:
    catalog = follower(connections)
    async with running(catalog.run()):
        await asyncio.wait_for(catalog.ready.wait(), 5)
        assert not await catalog.wait_for("9999999999999-0", 0.05)


async def test_serves_the_last_state_while_redis_is_away(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        routers, _ = stores(connections)
        await routers.create(Router(name="routers/churn"))
        catalog = follower(connections)
        async with running(catalog.run()):
            await asyncio.wait_for(catalog.ready.wait(), 5)
            await redis_server.kill()
            assert "routers/churn" in catalog.routers.by_name
            await redis_server.start()
            made = await routers.create(Router(name="routers/after"))
            assert await catalog.wait_for(made.position, 10)
            assert set(catalog.routers.by_name) == {"routers/churn", "routers/after"}


async def test_starts_before_redis_does(redis_server: EmbeddedRedis) -> None:
    redis_server.signal(signal.SIGSTOP)
    async with connect(redis_server.url) as connections:
        catalog = follower(connections)
        async with running(catalog.run()):
            redis_server.signal(signal.SIGCONT)
            await asyncio.wait_for(catalog.ready.wait(), 10)


@pytest.mark.parametrize("size", [250])
async def test_loads_more_than_it_reads_at_once(connections: Connections, size: int) -> None:
    _, models = stores(connections)
    for place in range(size):
        await models.create(Model(name=f"models/m{place}"))
    catalog = follower(connections)
    await catalog.reconcile()
    assert len(catalog.models.by_name) == size
