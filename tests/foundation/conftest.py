"""A server and a client on a real channel, for each test anew."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.foundation.client import Client
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.foundation.telemetry import Telemetry
from tests.foundation.echo import POOL, SERVICE, Echo

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
