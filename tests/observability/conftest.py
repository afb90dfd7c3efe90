"""One suite on which something happens, and a Prometheus that watches it. Only by `make observability`."""

from collections.abc import AsyncIterator

import pytest

from services.cli.targets import targets
from tests.observability.server import Prometheus, watching
from tests.observability.traffic import happen
from tests.stories.suite import Suite, starting
from tests.waiting import eventually


@pytest.fixture(scope="package")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    folder = tmp_path_factory.mktemp("watched")
    async with starting(folder, "--ephemeral", "--fleet", TURNOUT_ROUTER_WORKERS="2") as begun:
        await begun.until_ready()
        yield begun


@pytest.fixture(scope="package")
async def prometheus(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """It looks before anything happens: what never changes while it looks has no rate."""
    told = targets(suite.ready["metrics"])
    async with watching(tmp_path_factory.mktemp("prometheus"), told) as server:
        pages = sum(len(urls) for urls in suite.ready["metrics"].values())

        async def all_up() -> bool:
            return len(await server.query("up == 1")) == pages

        await eventually(all_up, within=60)
        await happen(suite)
        yield server
