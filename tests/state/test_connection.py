"""Redis within reach: how long we wait, what we ask again, and what callers are told."""

import asyncio
import signal
from collections.abc import Awaitable

import pytest
from redis.exceptions import ResponseError

from services.foundation.errors import InvalidArgument
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import StateUnavailable
from services.state.failures import MappedRedis
from services.state.scripts import Script
from tests.waiting import eventually

APPEND = Script("release_lease")
REPEATABLE = Script("release_lease", repeatable=True)


async def _is(found: Awaitable[object], wanted: object) -> bool:
    return await found == wanted


async def calls(redis: MappedRedis, command: str) -> int:
    stats = await redis.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {}).get("calls", 0))


async def test_nobody_there_is_unavailable() -> None:
    async with connect("redis://127.0.0.1:1") as connections:
        for client in (connections.hot, connections.steady, connections.blocking):
            with pytest.raises(StateUnavailable) as refused:
                await client.set("turnout:a", "1")
            assert refused.value.retry_after
            assert "127.0.0.1" not in refused.value.message


async def test_a_stopped_server_is_unavailable_and_comes_back(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        redis = connections.hot
        await redis.set("turnout:a", "1")
        redis_server.signal(signal.SIGSTOP)
        with pytest.raises(StateUnavailable):
            await redis.set("turnout:a", "2")
        async with redis.pipeline() as pipe:
            pipe.get("turnout:a")
            with pytest.raises(StateUnavailable):
                await pipe.execute()
        redis_server.signal(signal.SIGCONT)
        # The write whose answer was lost happens once; nothing has repeated it.
        await eventually(lambda: _is(redis.get("turnout:a"), b"2"))
        assert await calls(redis, "set") == 2


async def test_a_connection_that_died_idle_is_not_noticed(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        await connections.hot.set("turnout:a", "1")
        await redis_server.kill()
        await redis_server.start()
        assert await connections.hot.get("turnout:a") == b"1"
        await connections.hot.set("turnout:a", "2")


async def test_a_read_only_server_is_unavailable(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        await connections.steady.replicaof("127.0.0.1", "1")
        with pytest.raises(StateUnavailable):
            await connections.steady.set("turnout:a", "1")


async def test_a_full_server_is_unavailable(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        await connections.steady.config_set("maxmemory", "1")
        with pytest.raises(StateUnavailable):
            await connections.steady.set("turnout:a", "1")


async def test_our_own_mistakes_stay_what_they_are(redis: MappedRedis) -> None:
    with pytest.raises(ResponseError):
        await redis.execute_command("HGET", "turnout:a")


async def test_a_reader_outwaits_its_block(connections: Connections) -> None:
    assert await connections.blocking.xread({"turnout:none": "0-0"}, block=1000) == []


async def test_scripts_are_loaded_again_after_a_restart(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        redis = connections.steady
        await redis.set("turnout:a", "me")
        assert await APPEND(redis, ["turnout:a"], ["somebody"]) == 0
        await redis_server.kill()
        await redis_server.start()
        runs = [(["turnout:a"], ["somebody"]), (["turnout:a"], ["me"]), (["turnout:a"], ["me"])]
        assert await APPEND.many(redis, runs) == [0, 1, 0]
        await redis.script_flush()
        assert await APPEND(redis, ["turnout:a"], ["me"]) == 0


async def test_only_repeatable_scripts_are_run_again(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url, hot_seconds=0.2) as connections:
        await REPEATABLE(connections.steady, ["turnout:a"], ["b"])
        before = await calls(connections.steady, "evalsha")
        redis_server.signal(signal.SIGSTOP)
        for script in (APPEND, REPEATABLE):
            with pytest.raises(StateUnavailable):
                await script(connections.hot, ["turnout:a"], ["b"])
        redis_server.signal(signal.SIGCONT)

        async def ran() -> int:
            return await calls(connections.steady, "evalsha") - before

        # The stopped server runs them all once it wakes up: one try, and two.
        await eventually(lambda: _is(ran(), 3))
        await connections.steady.ping()
        assert await ran() == 3


async def test_a_cancelled_task_ends(connections: Connections) -> None:
    """Also when the cancellation comes just as a command has been sent."""

    async def read() -> None:
        while True:
            await connections.blocking.xread({"turnout:none": "0-0"}, block=1)

    for step in range(20):
        task = asyncio.ensure_future(read())
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert task in done


@pytest.mark.parametrize("url", ["http://somewhere", "localhost:6379", ""])
def test_refuses_urls_that_lead_nowhere(url: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        connect(url)
    assert refused.value.fields[0].field == "redis_url"


async def test_knows_sentinels_and_clusters_by_their_url() -> None:
    """Only that they are built: neither is proven here."""
    async with connect("redis+sentinel://:secret@one:26379,two/main/2") as sentinel:
        assert not sentinel.clustered
    cluster = connect("redis+cluster://one:7000")
    assert cluster.clustered
