"""What was logged, and a router with an aggregator behind it."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.aggregator.__main__ import build
from services.aggregator.settings import AggregatorSettings
from services.foundation.runtime import Runtime
from services.foundation.server import Server
from services.state.connection import Connections
from tests.router.conftest import Desk, running_router
from tests.router.execution.acting import DRAWN, NEXT, Log


@pytest.fixture
def log(connections: Connections) -> Log:
    """The event streams of the tests' Redis."""
    return Log(connections)


@pytest.fixture
async def panel(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router that can ask juries, and four doctors."""
    settings = AggregatorSettings(port=0, metrics_port=0, redis_url=redis_url)
    runtime = Runtime("aggregator", settings, rng=random.Random(3))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.close)
        server = Server(await build(settings, runtime), settings, telemetry=runtime.telemetry)
        await server.start()
        stack.push_async_callback(server.stop)
        desk = await stack.enter_async_context(running_router(redis_url, tmp_path, aggregator=server.address))
        await desk.seat("cancer-logistic", "cancer-boosting", DRAWN, NEXT)
        yield desk
