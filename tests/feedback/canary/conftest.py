"""A router and a feedback service on the session's Redis, with a channel between them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.state.connection import Connections
from tests.feedback.canary.stage import Stage
from tests.feedback.conftest import Setting, opened
from tests.router.conftest import running_router
from tests.state.background import running


@pytest.fixture
async def stage(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Stage]:
    """Streams are consumed; nothing is folded or decided until the test says so."""
    async with running_router(redis_url, tmp_path) as desk:
        setting = Setting(connections, router=desk.address)
        works = setting.parts.works
        async with opened(setting), running(works["draws"](), works["truths"]()):
            yield Stage(desk, setting)
