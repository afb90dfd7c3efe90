"""One Envoy before two desks, for all tests of a module that need no other settings."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.opening import Opened, opened


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    async with opened(tmp_path_factory.mktemp("gateway"), desks=2, request_bytes=100_000) as made:
        yield made
