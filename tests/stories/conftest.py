"""One whole suite for all stories, with the demo's fleet: they keep apart by the names of their routers.

The demo kills `digits-svm`, which is back some seconds later: other stories leave it alone.
"""

from collections.abc import AsyncIterator

import pytest

from tests.foundation.test_telemetry import Collector
from tests.stories.suite import Suite, starting


@pytest.fixture(scope="package")
async def spans() -> AsyncIterator[tuple[Collector, str]]:
    """A collector of spans, and its endpoint."""
    collector = Collector()
    endpoint = await collector.start()
    yield collector, endpoint
    await collector.stop()


@pytest.fixture(scope="package")
async def suite(
    tmp_path_factory: pytest.TempPathFactory, spans: tuple[Collector, str]
) -> AsyncIterator[Suite]:
    """A throw-away suite with the fleet, two router workers, and spans where the caller asks for them."""
    environment = {
        "TURNOUT_ROUTER_WORKERS": "2",
        "TURNOUT_TRACE_RATIO": "0",
        # The demo waits for a scheduled look.
        "TURNOUT_DRIFT_LOOK_SETTLE_SECONDS": "3",
        "OTEL_EXPORTER_OTLP_ENDPOINT": spans[1],
    }
    async with starting(tmp_path_factory.mktemp("suite"), "--ephemeral", "--fleet", **environment) as begun:
        await begun.until_ready()
        yield begun
