"""Without Redis no change is made, not even by half, and each says so; predictions go on."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state import keys
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from services.state.ids import partition_for
from tests.router.bad_input.conftest import Office, Told, stored, told
from tests.router.bad_input.mutations import MUTATIONS
from tests.router.conftest import doctors, running_router
from tests.waiting import eventually

READS: dict[str, dict[str, Any]] = {
    "RouterService/GetRouter": {"name": "cancer"},
    "RouterService/ListRouters": {},
    "RouterService/GetMetrics": {"name": "cancer"},
    "ModelService/GetModel": {"name": "cancer-bayes"},
    "ModelService/ListModels": {},
}
AWAY = Told("UNAVAILABLE", "STATE_UNAVAILABLE", [], "the state store cannot be reached now")


@pytest.fixture
async def alone(redis_server: EmbeddedRedis, tmp_path: Path) -> AsyncIterator[Office]:
    """An office on a Redis of its own, which the test may stop."""
    async with running_router(redis_server.url, tmp_path) as desk, connect(redis_server.url) as connections:
        await desk.seat("cancer-bayes", "cancer-stump")
        yield Office(desk, connections.steady)


async def refusals(office: Office, asked: dict[str, dict[str, Any]]) -> dict[str, RemoteError]:
    """What each of these calls fails with, all sent at once by a client that sends nothing twice."""
    client = Client(
        office.desk.address, unretried=["turnout.router.v1.RouterService", "turnout.router.v1.ModelService"]
    )

    async def one(method: str, fields: dict[str, Any]) -> RemoteError:
        service, _, name = method.partition("/")
        request = getattr(models if service == "ModelService" else routers, f"{name}Request")(**fields)
        with pytest.raises(RemoteError) as caught:
            await client.unary(f"turnout.router.v1.{service}", name)(request, timeout=20)
        return caught.value

    try:
        found = await asyncio.gather(*(one(method, fields) for method, fields in asked.items()))
        return dict(zip(asked, found, strict=True))
    finally:
        await client.close()


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_every_change_is_refused_whole_and_predictions_go_on(
    alone: Office, redis_server: EmbeddedRedis, how: str
) -> None:
    router = await alone.desk.deploy("cancer", doctors())
    before = await stored(alone.redis)
    if how == "killed":
        await redis_server.kill()
    else:
        redis_server.signal(signal.SIGSTOP)
    asked = {
        method: mutation.changes | {"request_id": f"of-{number}"}
        for number, (method, mutation) in enumerate(MUTATIONS.items())
    }
    for method, error in (await refusals(alone, asked | READS)).items():
        assert (method, told(error)) == (method, AWAY)
        assert error.retry_after == 1.0
    predicted = [(await alone.desk.predict("cancer")).prediction_id for _ in range(20)]
    assert len(set(predicted)) == 20
    if how == "killed":
        await redis_server.start()
    else:
        redis_server.signal(signal.SIGCONT)
    assert await eventually(lambda: _reached(alone), within=30)
    after = await stored(alone.redis)
    # The predictions are logged by now or soon; nothing else may have changed.
    partition = partition_for(router.uid)
    log = tuple(key.encode() for key in (keys.events(partition), keys.written(partition, "")))
    assert _unlogged(after, log) == _unlogged(before, log)
    # None of the request ids is used up: each change can be sent again as it was.
    for method in ("RouterService/SetWeights", "RouterService/StopRouter", "RouterService/DeleteRouter"):
        assert await alone.manage(method, **asked[method])


def _unlogged(found: dict[bytes, bytes], log: tuple[bytes, ...]) -> dict[bytes, bytes]:
    return {key: value for key, value in found.items() if not key.startswith(log)}


async def _reached(office: Office) -> bool:
    try:
        return bool(await office.manage("RouterService/GetRouter", name="cancer"))
    except RemoteError:
        return False
