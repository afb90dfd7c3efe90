"""Commands that leave together: one round trip, and each with its own reply, error and second try."""

import asyncio
import signal

import pytest
from redis.exceptions import DataError, ResponseError

from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import StateUnavailable
from services.state.failures import MappedRedis
from services.state.joined import MOST_COMMANDS, JoinedRedis, joined
from services.state.scripts import Script
from tests.waiting import eventually

REPEATABLE = Script("release_lease", repeatable=True)


class Counted(JoinedRedis):
    """Notes how many commands left at a time."""

    def __init__(self, client: MappedRedis) -> None:
        super().__init__(client)
        self.left: list[int] = []

    def _leave(self) -> None:
        self.left.append(len(self._waiting))
        super()._leave()


async def test_what_is_given_in_one_go_leaves_together(redis: MappedRedis) -> None:
    client = Counted(redis)

    async def store() -> tuple[bytes | None, bytes | None]:
        return await asyncio.gather(client.get("turnout:a"), client.get("turnout:b"))

    await client.set("turnout:a", "1")
    first, second, third = await asyncio.gather(store(), client.hget("turnout:h", "x"), store())
    assert (*first, second, *third) == (b"1", None, None, b"1", None)
    assert client.left == [1, 5]
    await redis.unlink("turnout:a")


async def test_they_run_in_the_order_in_which_they_were_given(redis: MappedRedis) -> None:
    client = JoinedRedis(redis)
    replies = await asyncio.gather(*(client.rpush("turnout:l", str(place)) for place in range(20)))
    assert replies == list(range(1, 21))
    assert await client.lrange("turnout:l", 0, -1) == [str(place).encode() for place in range(20)]
    await client.unlink("turnout:l")


@pytest.mark.parametrize("count", [MOST_COMMANDS - 1, MOST_COMMANDS, MOST_COMMANDS + 1])
async def test_many_leave_without_waiting_for_more(redis: MappedRedis, count: int) -> None:
    client = Counted(redis)
    assert await asyncio.gather(*(client.get("turnout:a") for _ in range(count))) == [None] * count
    assert client.left == [count]


async def test_an_error_is_that_of_its_command_alone(redis: MappedRedis) -> None:
    client = JoinedRedis(redis)
    await client.set("turnout:a", "text")
    wrong, right = await asyncio.gather(
        client.hget("turnout:a", "x"), client.get("turnout:a"), return_exceptions=True
    )
    assert isinstance(wrong, ResponseError)
    assert right == b"text"
    with pytest.raises(ResponseError):
        await client.hget("turnout:a", "x")
    await redis.unlink("turnout:a")


async def test_what_cannot_be_written_down_is_refused_alone(redis: MappedRedis) -> None:
    client = JoinedRedis(redis)
    found = await asyncio.gather(
        client.get("turnout:a"),
        client.set("turnout:b", None),  # type: ignore[arg-type]
        client.hget("turnout:h", "x"),
        return_exceptions=True,
    )
    assert [found[0], type(found[1]), found[2]] == [None, DataError, None]


async def test_an_error_of_one_that_means_unavailable_is_that(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        client = JoinedRedis(connections.steady)
        await connections.steady.replicaof("127.0.0.1", "1")
        written, read = await asyncio.gather(
            client.set("turnout:a", "1"), client.exists("turnout:a"), return_exceptions=True
        )
        assert isinstance(written, StateUnavailable)
        assert read == 0


async def test_reads_are_asked_again_and_writes_are_not(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url, hot_seconds=0.2) as connections:
        client, redis = JoinedRedis(connections.hot), connections.steady
        await client.set("turnout:a", "1")
        redis_server.signal(signal.SIGSTOP)
        found = await asyncio.gather(
            client.get("turnout:a"), client.set("turnout:a", "2"), return_exceptions=True
        )
        assert [type(one) for one in found] == [StateUnavailable, StateUnavailable]
        redis_server.signal(signal.SIGCONT)

        async def ran() -> tuple[int, int]:
            stats = await redis.info("commandstats")
            return stats["cmdstat_get"]["calls"], stats["cmdstat_set"]["calls"]

        async def both() -> bool:
            return await ran() == (2, 2)

        # The stopped server runs them all once it wakes up: two tries to read, and one to write.
        await eventually(both)
        await redis.ping()
        assert await ran() == (2, 2)


async def test_scripts_run_again_where_they_are_not_known_any_more(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        client = JoinedRedis(connections.steady)
        runs = [REPEATABLE(client, ["turnout:a"], ["me"]) for _ in range(2)]
        assert await asyncio.gather(*runs) == [0, 0]
        await redis_server.kill()
        await redis_server.start()
        runs = [REPEATABLE(client, ["turnout:a"], ["me"]) for _ in range(2)]
        assert await asyncio.gather(*runs) == [0, 0]


async def test_nobody_there_is_told_to_each(redis_server: EmbeddedRedis) -> None:
    async with connect("redis://127.0.0.1:1") as connections:
        client = JoinedRedis(connections.steady)
        found = await asyncio.gather(
            client.get("turnout:a"), client.set("turnout:b", "1"), return_exceptions=True
        )
        assert [type(one) for one in found] == [StateUnavailable, StateUnavailable]


async def test_who_stops_waiting_takes_nothing_from_the_others(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        client = JoinedRedis(connections.steady)
        await client.set("turnout:a", "1")
        redis_server.signal(signal.SIGSTOP)
        gone = asyncio.ensure_future(client.get("turnout:a"))
        stays = asyncio.ensure_future(client.get("turnout:a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        redis_server.signal(signal.SIGCONT)
        assert await stays == b"1"
        with pytest.raises(asyncio.CancelledError):
            await gone


async def test_a_cluster_is_left_as_it_is_and_what_is_joined_is_joined_once(connections: Connections) -> None:
    one = joined(connections)
    assert isinstance(one.steady, JoinedRedis)
    assert joined(one) is one
    assert (one.hot, one.blocking) == (connections.hot, connections.blocking)
    async with connect("redis+cluster://127.0.0.1:1") as cluster:
        assert joined(cluster) is cluster
