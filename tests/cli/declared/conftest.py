"""One town for all tests here: they keep apart by the names of what they declare."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.running.town import Town, town
from tests.cli.terminal import Terminal


@pytest.fixture(scope="package")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with town(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture
def terminal(running: Town, tmp_path: Path) -> Terminal:
    return running.terminal(tmp_path / "home")
