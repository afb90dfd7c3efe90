"""Several replicas of a service: taken in turns, left out when they are gone, and drained with."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from services.foundation.client import Client
from services.gateway.envoy import EnvoyFailed
from tests.gateway.curl import curl
from tests.gateway.desk import CONTRACT, SERVICE, Note
from tests.gateway.opening import Opened, opened
from tests.waiting import eventually


async def asked(gateway: Opened, times: int) -> Counter[str]:
    """Who answered how often, one after another on one connection."""
    async with aiohttp.ClientSession() as session:
        told = Counter[str]()
        for _ in range(times):
            async with session.post(f"{gateway.url}/v1/desks/any:write", json={}) as reply:
                assert reply.status == 200, await reply.text()
                told[(await reply.json())["who"]] += 1
    return told


async def unhealthy(gateway: Opened) -> bool:
    """Whether a replica is known not to be well."""
    return not await gateway.door.envoy.all_healthy()


async def test_replicas_are_taken_in_turns_and_one_that_dies_costs_no_request(tmp_path: Path) -> None:
    async with opened(tmp_path, desks=2, probe_seconds=0.2) as gateway:
        await eventually(gateway.door.envoy.all_healthy)
        assert await asked(gateway, 10) == {"desk-0": 5, "desk-1": 5}
        await gateway.servers[0].stop()
        # At once: nobody has noticed yet, and what cannot be connected is tried on another.
        assert await asked(gateway, 10) == {"desk-1": 10}
        await eventually(lambda: unhealthy(gateway))
        assert (await curl(f"{gateway.url}/healthz")).code == 200
        await gateway.servers[1].stop()

        async def unwell() -> bool:
            return (await curl(f"{gateway.url}/healthz")).code == 503

        await eventually(unwell)
        reply = await curl(f"{gateway.url}/v1/desks/any:write", "-d", "{}")
        assert (reply.code, reply.json["code"], reply.reason) == (503, 14, "SERVICE_UNAVAILABLE")


async def test_an_error_of_a_service_throws_no_replica_out(tmp_path: Path) -> None:
    """A hundred failures are answers: what one replica says, every other would say as well."""
    async with opened(tmp_path, desks=2) as gateway:
        await eventually(gateway.door.envoy.all_healthy)
        async with aiohttp.ClientSession() as session:
            for _ in range(100):
                async with session.post(
                    f"{gateway.url}/v1/desks:fail",
                    json={"text": "away"},
                    # Nor may a caller have Envoy ask again what has been answered.
                    headers={"x-envoy-retry-on": "5xx,retriable-status-codes", "x-envoy-max-retries": "5"},
                ) as reply:
                    assert reply.status == 503
        assert sum(desk.failures for desk in gateway.desks) == 100
        assert await asked(gateway, 4) == {"desk-0": 2, "desk-1": 2}


async def test_an_envoy_that_dies_takes_its_process_down(tmp_path: Path) -> None:
    """Whoever looks after the gateway starts both again; alone, our process would look healthy."""
    async with opened(tmp_path) as gateway:
        pid = gateway.door.envoy.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await gateway.ended.wait()
        assert gateway.door.envoy.pid is None
        # There is nothing left to drain, and that is no failure of its own.
        await gateway.door.close()
        gateway.ended.clear()


async def test_a_port_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    """It is not shared with whoever has it."""
    async with opened(tmp_path / "one") as gateway:
        port = int(gateway.address.split(":")[1])
        with pytest.raises(EnvoyFailed):
            async with opened(tmp_path / "two", port=port):
                raise AssertionError("both have it")


async def test_a_drain_lets_calls_end_and_takes_no_new_ones(tmp_path: Path) -> None:
    async with opened(tmp_path, drain_seconds=20.0) as gateway:
        desk = gateway.desks[0]
        client = Client(gateway.address, pool=CONTRACT.pool)
        held = asyncio.ensure_future(client.unary(SERVICE, "Hold")(Note(text="held"), timeout=30))
        await desk.holding.wait()
        closing = asyncio.ensure_future(gateway.door.close())

        async def unwell() -> bool:
            return (await curl(f"{gateway.url}/healthz")).code == 503

        await eventually(unwell)
        assert not closing.done()
        desk.release.set()
        assert (await held).text == "held"
        await closing
        await client.close()
