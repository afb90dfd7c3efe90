"""A router and a feedback service on the session's Redis, with a channel between them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.foundation.client import Client
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state.connection import Connections
from tests.feedback.canary.stage import Stage
from tests.feedback.conftest import Setting
from tests.router.conftest import running_router
from tests.state.background import running


@pytest.fixture
async def stage(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Stage]:
    """Streams are consumed; nothing is folded or decided until the test says so."""
    async with running_router(redis_url, tmp_path) as desk:
        setting = Setting(connections, router=desk.address)
        server = Server([setting.parts.servicer], Settings())
        await server.start()
        setting.client = Client(server.address)
        works = setting.parts.works
        async with running(works["draws"](), works["truths"]()):
            yield Stage(desk, setting)
        await setting.client.close()
        await setting.parts.router.close()
        await server.stop()
