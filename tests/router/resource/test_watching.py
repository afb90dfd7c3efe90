"""WatchRouter and ListReplicas: what is told of a router as it changes, and when the telling ends."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router, RouterState

from services.foundation.client import Client
from services.state import formats, keys
from services.state.connection import Connections
from services.state.heartbeats import Heartbeats
from services.state.heartbeats import Replica as Report
from tests.router.conftest import Desk, doctors, running_router
from tests.router.resource.asking import ask, fields_of, refusal, update
from tests.waiting import eventually

RUNNING = RouterState.ROUTER_STATE_RUNNING


@asynccontextmanager
async def watching(desk: Desk, name: str) -> AsyncIterator[AsyncIterator[Any]]:
    async with AsyncExitStack() as stack:
        client = Client(desk.address)
        stack.push_async_callback(client.close)
        watch = client.stream("turnout.router.v1.RouterService", "WatchRouter")
        told: Any = watch(rpc.WatchRouterRequest(name=name), timeout=30)
        yield await stack.enter_async_context(aclosing(told))


async def until(told: AsyncIterator[Any], wanted: Any) -> Any:
    async for one in told:
        if wanted(one):
            return one
    raise AssertionError("the stream ended before that")


async def test_tells_the_router_as_it_is_then_each_change_then_its_end(desk: Desk) -> None:
    made = await desk.create("cancer", doctors())
    async with watching(desk, "cancer") as told:
        first = await anext(told)
        assert (first.router, first.replicas_serving) == (made, 0)
        await update(desk, Router(name="cancer", description="new"))
        assert (await anext(told)).router.description == "new"
        await desk.deploy("cancer")
        served = await until(told, lambda one: one.router.state == RUNNING and one.replicas_serving)
        assert (served.replicas_serving, served.replicas) == (1, 1)
        await ask(desk, "DeleteRouter", name="cancer")
        last = await until(told, lambda one: one.router.HasField("delete_time"))
        assert last.router.state == RouterState.ROUTER_STATE_STOPPED
        assert [one async for one in told] == []


async def test_counts_the_replicas_of_a_generation(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    await desk.deploy("cancer", doctors())
    async with running_router(redis_url, tmp_path / "second"), watching(desk, "cancer") as told:
        seen = await until(told, lambda one: one.replicas_serving == 2)
        assert seen.replicas == 2
        await update(desk, Router(name="cancer", description="new"))
        again = await until(told, lambda one: one.router.generation == 2 and one.replicas_serving == 2)
        assert again.router.description == "new"


async def test_a_replica_of_a_newer_version_ends_no_watch(desk: Desk, connections: Connections) -> None:
    await desk.deploy("cancer", doctors())
    report = json.dumps({"format": formats.REPLICA + 1, "mood": "bright"})
    async with watching(desk, "cancer") as told:
        await until(told, lambda one: one.replicas_serving == 1)
        await connections.steady.hset(keys.catalog_replicas(), "newer", report)
        await connections.steady.zadd(keys.catalog_heartbeats(), {"newer": time.time() * 1000 + 60_000})
        # Whoever begins to watch has the heartbeats read at once.
        async with watching(desk, "cancer") as other:
            assert (await anext(other)).replicas == 1
            await update(desk, Router(name="cancer", description="new"))
            for one in (told, other):
                assert (await until(one, lambda one: one.router.description == "new")).replicas == 1
        await connections.steady.zrem(keys.catalog_heartbeats(), "newer")
        assert (
            await until(told, lambda one: one.router.generation == 2 and one.replicas_serving)
        ).replicas == 1
    assert not desk.runtime.stopping


async def test_ends_with_the_process_and_with_the_watcher(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    async with watching(desk, "cancer") as left:
        await anext(left)
    async with watching(desk, "cancer") as told:
        await anext(told)
        desk.runtime.stop()
        assert [one async for one in told] == []


async def test_a_router_that_is_not_there_is_not_watched(desk: Desk) -> None:
    async with watching(desk, "nobody") as told:
        error = None
        try:
            await anext(told)
        except Exception as raised:  # noqa: BLE001 (looked at below)
            error = raised
        assert getattr(error, "reason", "") == "ROUTER_NOT_FOUND"


async def test_lists_who_is_alive_with_all_that_they_say(desk: Desk, connections: Connections) -> None:
    await desk.deploy("cancer", doctors())
    await Heartbeats(connections).beat(
        Report(
            "zz", position="1-1", ejected={"models/a": 1_700_000_000.5}, lag_seconds=2.5, errors={"x": "y"}
        )
    )

    async def both() -> Any:
        replicas = (await ask(desk, "ListReplicas")).replicas
        assert len(replicas) == 2
        assert replicas[0].generations == {"routers/cancer": 1}
        return replicas

    own, other = await eventually(both)
    assert (own.address, own.lag_seconds < 60) == (desk.address, True)
    assert own.catalog_position
    assert (other.ejected["models/a"].ToNanoseconds(), other.lag_seconds) == (1_700_000_000_500_000_000, 2.5)
    assert dict(other.errors) == {"x": "y"}
    assert [one.id for one in (await ask(desk, "ListReplicas", router="cancer")).replicas] == [own.id]
    error = await refusal(desk, "ListReplicas", router="nobody")
    assert (error.reason, fields_of(error)) == ("ROUTER_NOT_FOUND", ["router"])
