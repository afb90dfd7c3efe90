"""A server and a client on a real channel, for each test anew."""

import io
import json
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog

from services.foundation import logs
from services.foundation.client import Client
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.foundation.telemetry import Telemetry
from tests.foundation.echo import POOL, SERVICE, Echo

LogLines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., Awaitable[Server]]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def start(echo: Echo) -> AsyncIterator[Start]:
    """Start a server of `echo` with the given settings; it is stopped at the end."""
    servers: list[Server] = []

    async def begin(telemetry: Telemetry | None = None, **settings: Any) -> Server:
        rng = random.Random(7)
        server = Server([echo], Settings(**settings), telemetry=telemetry, pool=POOL, rng=rng)
        servers.append(server)
        await server.start()
        return server

    yield begin
    for server in servers:
        await server.stop()


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    """Configure the logs as in production, and read the lines written so far."""
    before = logging.getLogger().handlers[:]
    logging.getLogger().handlers.clear()
    written = io.StringIO()
    logs.configure("echo", form="json", stream=written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


@pytest.fixture
async def server(start: Start) -> Server:
    return await start()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Client]]:
    """A client of a server; closed at the end."""
    clients: list[Client] = []

    def begin(server: Server, **options: Any) -> Client:
        client = Client(server.address, pool=POOL, **options)
        clients.append(client)
        return client

    yield begin
    for client in clients:
        await client.close()


@pytest.fixture
def client(server: Server, connect: Callable[..., Client]) -> Client:
    return connect(server)


@pytest.fixture
def say(client: Client) -> Any:
    return client.unary(SERVICE, "Say")
