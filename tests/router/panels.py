"""A router with an aggregator behind it, each a server on its own port."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from services.aggregator.__main__ import build
from services.aggregator.settings import AggregatorSettings
from services.foundation.runtime import Runtime
from services.foundation.server import Server
from tests.router.conftest import Desk, running_router


@asynccontextmanager
async def running_panel(redis_url: str, folder: Path, *models: str) -> AsyncIterator[Desk]:
    """A desk where these models of the fleet are seated, and can be asked together."""
    settings = AggregatorSettings(port=0, metrics_port=0, redis_url=redis_url)
    runtime = Runtime("aggregator", settings, rng=random.Random(3))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.close)
        server = Server(await build(settings, runtime), settings, telemetry=runtime.telemetry)
        await server.start()
        stack.push_async_callback(server.stop)
        desk = await stack.enter_async_context(running_router(redis_url, folder, aggregator=server.address))
        await desk.seat(*models)
        yield desk
