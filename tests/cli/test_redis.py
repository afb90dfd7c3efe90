"""The suite's own Redis, kept alive."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NotThere

from services.cli.ports import HOST, FreePorts
from services.cli.redis import ForeignRedis, KeptRedis, choose, whereabouts
from services.foundation.errors import InvalidArgument
from services.state.errors import StateUnavailable
from tests.waiting import eventually


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[KeptRedis]:
    server = KeptRedis(tmp_path, FreePorts(random.Random()).take(), say=lambda _: None)
    await server.start()
    yield server
    await server.stop()


async def test_a_killed_redis_comes_back_in_its_place_with_its_data(kept: KeptRedis) -> None:
    async with Redis.from_url(kept.url, protocol=2) as client:
        await client.set("kept", "yes")
        first = kept.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: kept.pid not in (None, first))

        async def is_kept() -> bool:
            try:
                return await client.get("kept") == b"yes"
            except NotThere:
                return False

        assert await eventually(is_kept)


async def test_a_stopped_redis_stays_down(kept: KeptRedis) -> None:
    await kept.stop()
    assert kept.pid is None
    await kept.stop()


def test_a_redis_that_is_named_is_used_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379/3")
    chosen = choose(tmp_path, 1, lambda _: None)
    assert isinstance(chosen, ForeignRedis)
    assert (chosen.url, chosen.pid) == ("redis://elsewhere:6379/3", None)


async def test_a_redis_that_is_there_is_found(kept: KeptRedis) -> None:
    await ForeignRedis(kept.url).start()


async def test_what_is_no_redis_is_said() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    stranger = await asyncio.start_server(speak, HOST, 0)
    port = stranger.sockets[0].getsockname()[1]
    async with stranger:
        with pytest.raises(StateUnavailable, match=rf"cannot be reached at {HOST}:{port}, .*InvalidResponse"):
            await ForeignRedis(f"redis://:secret@{HOST}:{port}/0").start()


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "redis://127.0.0.1:many/0"])
async def test_what_is_no_url_of_a_redis_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match=r"(?i)redis_url"):
        await ForeignRedis(url).start()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:secret@there:6379/0", "there:6379"),
        ("redis+sentinel://:secret@one:1,two:2/master", "one:1,two:2"),
        ("unix:///run/redis.sock?password=secret", "/run/redis.sock"),
    ],
)
def test_whereabouts_leave_out_passwords(url: str, shown: str) -> None:
    assert whereabouts(url) == shown
