"""What was logged, and a router with an aggregator behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.state.connection import Connections
from tests.router.conftest import Desk
from tests.router.execution.acting import DRAWN, NEXT, Log
from tests.router.panels import running_panel


@pytest.fixture
def log(connections: Connections) -> Log:
    """The event streams of the tests' Redis."""
    return Log(connections)


@pytest.fixture
async def panel(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router that can ask juries, and four doctors."""
    async with running_panel(redis_url, tmp_path, "cancer-logistic", "cancer-boosting", DRAWN, NEXT) as desk:
        yield desk
