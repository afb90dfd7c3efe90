"""A probe of what is no model: told in its message, within the model's own time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from examples.fleet.catalog import registration
from services.models.endpoints import Probe
from services.models.handle import probe
from tests.fleet import fleet_model
from tests.models.chat_server import chat_server
from tests.models.example import open_pool
from tests.models.test_chat import writer


@asynccontextmanager
async def speaking(said: bytes) -> AsyncIterator[str]:
    """A server that says one thing to everybody, and then nothing; its address."""

    async def serve(_: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        out.write(said)
        await out.drain()
        held.append(out)

    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for out in held:
            out.close()
        await server.wait_closed()


async def probed(address: str, seconds: float) -> Probe:
    model = registration("cancer-bayes", address)
    model.timeout.FromNanoseconds(int(seconds * 1e9))
    async with open_pool() as pool:
        return await probe(pool.open(model), 60.0)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"\x00" * 64])
async def test_a_server_that_never_answers_as_a_model_is_not_ready_in_its_time(said: bytes) -> None:
    async with speaking(said) as address:
        found = await probed(address, 0.5)
    assert not found.ready
    assert found.message.startswith(f"{address}: ")
    assert "DEADLINE_EXCEEDED" in found.message or "UNAVAILABLE" in found.message


async def test_a_chat_server_is_no_open_inference_server() -> None:
    async with chat_server() as server:
        found = await probed(server.url.removeprefix("http://"), 5.0)
    assert not found.ready
    assert found.message


async def test_an_open_inference_server_is_no_chat_server() -> None:
    async with fleet_model("cancer-bayes") as model, chat_server() as server, open_pool() as pool:
        server.url = f"http://{model.address}"
        found = await probe(pool.open(writer(server)), 5.0)
    assert not found.ready
    assert "UNAVAILABLE" in found.message


async def test_a_name_that_leads_nowhere_is_told() -> None:
    found = await probed("no-such-host.invalid:9", 5.0)
    assert not found.ready
    assert "no-such-host.invalid:9" in found.message
