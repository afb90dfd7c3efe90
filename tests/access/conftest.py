"""The router alone, and the whole suite, where access is enforced."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.state.connection import connect
from tests.access.house import House, enforced
from tests.keys_left import check_keys


@pytest.fixture
async def house(redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A router with its callers, on a Redis that was empty."""
    async with enforced(redis_url, tmp_path, "router") as opened:
        yield opened
    async with connect(redis_url) as connections:
        await check_keys(connections.steady)
        await connections.steady.flushdb()
