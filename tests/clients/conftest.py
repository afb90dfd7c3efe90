"""Unmodified clients and servers of others, each in a process and an environment of its own.

They need the package index the first time, and minutes: `make test-clients` runs them, `make test` does not.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples.fleet.catalog import registration
from services.state.connection import Connections
from tests.router.conftest import Desk, doctors, running_router


@pytest.fixture
async def desk(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router `cancer` over two doctors who read the same two columns, and `failing` over one who fails."""
    async with running_router(redis_url, tmp_path) as opened:
        await opened.seat("cancer-bayes", "cancer-stump")
        twin = registration("cancer-bayes", opened.servers["cancer-bayes"].address)
        twin.name, twin.served_name = "models/cancer-twin", "cancer-bayes"
        await opened.register(twin)
        cancer, failing = doctors(), doctors()
        cancer.variants[1].model = "cancer-twin"
        for place, variant in enumerate(failing.variants):
            variant.id, variant.model = f"stump-{place}", "cancer-stump"
        await opened.deploy("cancer", cancer)
        await opened.deploy("failing", failing)
        opened.servers["cancer-stump"].faults.set("fail", code="INTERNAL")
        yield opened
