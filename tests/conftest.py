"""Fixtures of every test: one real Redis per session, empty at the start of each test that asks for it."""

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.failures import MappedRedis
from tests.keys_left import check_keys
from tests.thorough import cases
from tests.workers import STORIES, Shares


def pytest_configure() -> None:
    """Property tests draw the same examples each time, and are not failed by a crowded machine's clock."""
    hypothesis.settings.register_profile(
        "house", derandomize=True, deadline=None, database=None, max_examples=cases(40, 100)
    )
    hypothesis.settings.load_profile("house")


def pytest_xdist_auto_num_workers() -> int:
    """Three, of which that with the stories mostly waits. One where all would flush the same Redis."""
    return 1 if os.environ.get("REDIS_URL") else 3


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    """Whole files, in the order of their collection."""
    config.option.loadscopereorder = False
    return Shares(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stories take longest: begun last, one worker would tell them while the other has nothing to do."""
    items.sort(key=lambda item: not item.nodeid.startswith(STORIES))


@pytest.fixture(scope="session")
async def redis_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """REDIS_URL (which must be empty: tests flush it), else a container, else a server of our own."""
    if url := os.environ.get("REDIS_URL"):
        async with connect(url) as connections:
            if await connections.steady.dbsize():
                pytest.exit("REDIS_URL is not empty, and tests would flush it", returncode=2)
        yield url
    elif _docker_answers():
        from testcontainers.redis import RedisContainer  # noqa: PLC0415 (takes a second, rarely needed)

        with RedisContainer() as container:
            yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
    else:
        async with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
            yield server.url


@pytest.fixture
async def connections(redis_url: str) -> AsyncIterator[Connections]:
    """Connections to an empty Redis. What the test leaves there must be keys that keys.py documents."""
    # Tests share two cores with everything else; a hiccup of a tenth of a second is no failure of Redis.
    async with connect(redis_url, hot_seconds=1.0) as opened:
        await opened.steady.flushdb()
        yield opened
        await check_keys(opened.steady)


@pytest.fixture
async def redis(connections: Connections) -> MappedRedis:
    """One client of the same, for tests that look for themselves."""
    return connections.steady


@pytest.fixture
async def redis_server(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    """A server for one test to kill, stop and start again; it syncs every write."""
    async with EmbeddedRedis(tmp_path / "redis", fsync="always") as server:
        yield server


def _docker_answers() -> bool:
    """Whether an engine answers, not only whether its command line is installed."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        return False
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            probe.connect(host.removeprefix("unix://"))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in probe.recv(64)
    except OSError:
        return False
