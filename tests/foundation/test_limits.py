"""Shedding: what finds no room is refused at once, with a time to retry; the rest is served."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.server import Server
from tests.foundation.conftest import Start
from tests.foundation.echo import SERVICE, Echo, Words

HOLD = f"{SERVICE}/Hold"


async def shed(client: Client, method: str) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await client.unary(SERVICE, method)(Words(), timeout=5)
    return caught.value


async def hold(client: Client, echo: Echo) -> "asyncio.Future[Any]":
    held = asyncio.ensure_future(client.unary(SERVICE, "Hold")(Words(), timeout=20))
    await echo.holding.wait()
    return held


async def test_a_full_method_refuses_and_others_go_on(
    start: Start, connect: Callable[..., Client], echo: Echo
) -> None:
    server = await start(method_limits={HOLD: 1})
    client = connect(server)
    held = await hold(client, echo)
    refused = await shed(client, "Hold")
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS")
    assert refused.facts["limit"] == "1"
    assert refused.retry_after is not None
    assert 0.1 < refused.retry_after < 0.4
    await client.unary(SERVICE, "Say")(Words(), timeout=5)
    echo.release.set()
    await held


async def test_a_full_server_refuses_every_method(
    start: Start, connect: Callable[..., Client], echo: Echo
) -> None:
    client = connect(await start(concurrency=1))
    held = await hold(client, echo)
    assert "the server already serves 1 calls" in (await shed(client, "Say")).message
    echo.release.set()
    await held


async def test_room_comes_back_however_a_call_ends(
    start: Start, connect: Callable[..., Client], echo: Echo
) -> None:
    """Answered, failed, cancelled or refused: none of them keeps a place."""
    server = await start(concurrency=1)
    client = connect(server)
    await client.unary(SERVICE, "Say")(Words(), timeout=5)
    await shed(client, "Fail")
    held = await hold(client, echo)
    await shed(client, "Say")
    held.cancel()
    await echo.cancelled.wait()
    await client.unary(SERVICE, "Say")(Words(), timeout=5)
    assert in_flight(server) == 0


def in_flight(server: Server) -> float:
    value = server.metrics.registry.get_sample_value("turnout_rpc_in_flight", {"method": HOLD})
    assert value is not None
    return value


async def test_calls_in_flight_and_shed_ones_are_counted(
    start: Start, connect: Callable[..., Client], echo: Echo
) -> None:
    server = await start(method_limits={HOLD: 1})
    client = connect(server)
    held = await hold(client, echo)
    await shed(client, "Hold")
    assert in_flight(server) == 1
    read = server.metrics.registry.get_sample_value
    assert read("turnout_rpc_shed_total", {"method": HOLD}) == 1
    assert read("turnout_rpc_total", {"method": HOLD, "code": "RESOURCE_EXHAUSTED"}) == 1
    echo.release.set()
    await held


async def test_health_is_exempt(start: Start, connect: Callable[..., Client], echo: Echo) -> None:
    """A full server is not a dead one: probes still find it alive."""
    server = await start(concurrency=1)
    held = await hold(connect(server), echo)
    async with grpc.aio.insecure_channel(server.address) as channel:
        check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        status = health_pb2.HealthCheckResponse.FromString(await check(b"", timeout=5)).status
    assert status == health_pb2.HealthCheckResponse.SERVING
    echo.release.set()
    await held


async def test_a_limit_for_a_method_that_does_not_exist_is_refused(start: Start) -> None:
    with pytest.raises(ValueError, match="Sya is no method of this server"):
        await start(method_limits={f"{SERVICE}/Sya": 1})
