"""Health, and the end of a server."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.server import Server
from tests.foundation.conftest import Start
from tests.foundation.echo import POOL, SERVICE, Echo, Words

STATUS = health_pb2.HealthCheckResponse


def health(channel: grpc.aio.Channel, method: str, service: str = "") -> Any:
    shape: Any = channel.unary_stream if method == "Watch" else channel.unary_unary
    send = shape(f"/grpc.health.v1.Health/{method}", None, STATUS.FromString)
    return send(health_pb2.HealthCheckRequest(service=service).SerializeToString(), timeout=20)


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_a_started_server_is_healthy(service: str, server: Server) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        assert (await health(channel, "Check", service)).status == STATUS.SERVING


async def test_an_unknown_service_has_no_health(server: Server) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="no service 'other'"):
            await health(channel, "Check", "other")
        watch = health(channel, "Watch", "other")
        assert (await watch.read()).status == STATUS.SERVICE_UNKNOWN
        watch.cancel()


async def test_watchers_see_the_drain_and_do_not_hold_it_up(start: Start) -> None:
    """An open Watch would burn the whole grace; here it is a minute, and the test's timeout much less."""
    server = await start(drain_seconds=60)
    async with grpc.aio.insecure_channel(server.address) as channel:
        watch = health(channel, "Watch")
        assert (await watch.read()).status == STATUS.SERVING
        async with asyncio.timeout(20):
            await server.drain()
        assert (await watch.read()).status == STATUS.NOT_SERVING
        assert await watch.read() is grpc.aio.EOF
        assert await watch.code() is grpc.StatusCode.OK


async def test_a_call_in_flight_finishes_during_the_drain(start: Start, connect: Any, echo: Echo) -> None:
    server = await start(drain_seconds=20)
    held = asyncio.ensure_future(connect(server).unary(SERVICE, "Hold")(Words(text="kept"), timeout=20))
    await echo.holding.wait()
    draining = asyncio.ensure_future(server.drain())
    echo.release.set()
    assert (await held).text == "kept"
    await draining


async def test_a_call_that_outlasts_the_grace_is_cancelled(start: Start, connect: Any, echo: Echo) -> None:
    server = await start(drain_seconds=0.1)
    client: Client = connect(server)
    held = asyncio.ensure_future(client.unary(SERVICE, "Hold")(Words(), timeout=20))
    await echo.holding.wait()
    await server.drain()
    await echo.cancelled.wait()
    with pytest.raises(RemoteError):
        await held


async def test_during_the_notice_calls_are_still_served(start: Start, connect: Any) -> None:
    """Health says NOT_SERVING first; those who have not heard it yet are not refused."""
    server = await start(drain_notice_seconds=60)
    client: Client = connect(server)
    await client.unary(SERVICE, "Say")(Words(), timeout=5)
    async with grpc.aio.insecure_channel(server.address) as channel:
        watch = health(channel, "Watch")
        await watch.read()
        draining = asyncio.ensure_future(server.drain())
        assert (await watch.read()).status == STATUS.NOT_SERVING
        assert (await client.unary(SERVICE, "Say")(Words(text="late"), timeout=5)).text == "late"
        watch.cancel()
    draining.cancel()


async def test_beyond_loopback_only_when_told_so(start: Start) -> None:
    with pytest.raises(ValueError, match="only loopback is served unless expose is true"):
        await start(host="0.0.0.0")  # noqa: S104 - what is refused here
    assert (await start(host="0.0.0.0", expose=True)).port  # noqa: S104


async def test_a_server_at_the_address_of_a_former_one_is_found_at_once(start: Start) -> None:
    """Whoever failed to reach the former one waits longer and longer before the next try, and nobody else."""
    former = await start()
    address, port = former.address, int(former.address.rpartition(":")[2])
    client, others = Client(address, pool=POOL), Client(address, pool=POOL)
    try:
        await client.unary(SERVICE, "Say")(Words(text="hello"), timeout=20)
        await former.stop()
        for _ in range(8):
            with pytest.raises(RemoteError):
                await client.unary(SERVICE, "Say")(Words(text="hello"), timeout=20)
        await start(port=port)
        assert (await others.unary(SERVICE, "Say")(Words(text="hello"), timeout=20)).text == "hello"
    finally:
        await client.close()
        await others.close()
