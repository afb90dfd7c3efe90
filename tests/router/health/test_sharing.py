"""One replica sees the failures, all stop calling; without Redis each goes on by itself."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from services.state import keys
from services.state.connection import Connections
from services.state.embedded import EmbeddedRedis
from services.state.failures import MappedRedis
from tests.router.health.replicas import MODEL, Clock, replicas
from tests.state.background import running
from tests.waiting import eventually


async def _subscribed(redis: MappedRedis, count: int) -> bool:
    ((_, there),) = await redis.pubsub_numsub(keys.ejections_channel())
    return bool(there == count)


def _setting(event: asyncio.Event) -> Callable[[Iterable[str]], None]:
    return lambda _: event.set()


async def test_one_sees_the_failures_and_the_others_stop_by_the_notice_alone(
    redis_url: str, connections: Connections, redis: MappedRedis
) -> None:
    """Polls are an hour apart, so only the notice can have told."""
    async with replicas(redis_url, 3, Clock()) as fleet, AsyncExitStack() as stack:
        for one in fleet:
            await stack.enter_async_context(running(one.follower.run(), one.sharing.run()))
        await eventually(lambda: _subscribed(redis, 3))
        told = [asyncio.Event() for _ in fleet]
        for one, event in zip(fleet, told, strict=True):
            one.board.subscribe(_setting(event))
        fleet[0].fail()
        await asyncio.gather(*(event.wait() for event in told))
        assert [one.out for one in fleet] == [True] * 3
        assert fleet[1].board.view.out[MODEL].reason == "5 failures in a row"


async def test_replicas_that_see_the_same_make_one_ejection(redis_url: str, connections: Connections) -> None:
    async with replicas(redis_url, 3, Clock()) as fleet:
        for one in fleet:
            one.fail()
        await asyncio.gather(*(one.sharing.step() for one in fleet))
        for one in fleet:
            await one.follower.poll()
        assert [(one.number, one.board.out[MODEL].standing.times) for one in fleet] == [(1, 1)] * 3
        assert len({one.board.out[MODEL].standing.began for one in fleet}) == 1


async def test_without_redis_each_decides_for_itself_and_tells_when_it_is_back(
    redis_server: EmbeddedRedis,
) -> None:
    async with replicas(redis_server.url, 2, Clock()) as (one, other):
        await redis_server.kill()
        one.fail()
        await one.sharing.step()
        assert (one.out, other.out) == (True, False)
        assert set(one.board.unsent) == {MODEL}
        await redis_server.start()
        await one.sharing.step()
        await other.follower.poll()
        assert other.out
        assert not one.board.unsent


async def test_what_was_over_before_redis_was_back_is_not_told(redis_server: EmbeddedRedis) -> None:
    clock = Clock()
    async with replicas(redis_server.url, 2, clock) as (one, other):
        await redis_server.kill()
        one.fail()
        clock.seconds += 31.0
        await one.sharing.step()
        probe = one.take()
        assert probe is not None
        probe.done(True)
        await one.sharing.step()
        assert not one.out
        await redis_server.start()
        await one.sharing.step()
        await other.follower.poll()
        assert not other.out
        assert not one.board.unsent


async def test_ejections_made_apart_are_one_when_redis_is_back(redis_server: EmbeddedRedis) -> None:
    clock = Clock()
    async with replicas(redis_server.url, 2, clock) as (one, other):
        await redis_server.kill()
        one.fail()
        clock.seconds += 10.0
        other.fail()
        await redis_server.start()
        for replica in (one, other, one):
            await replica.sharing.step()
            await replica.follower.poll()
        assert one.number == other.number == 1
        # The longer of the two terms.
        assert abs(one.until - other.until) < 0.5
        assert abs(one.until - 1040.0) < 0.5


async def test_an_end_reaches_who_missed_the_notice(redis_url: str, connections: Connections) -> None:
    clock = Clock()
    async with replicas(redis_url, 2, clock) as (one, other):
        one.fail()
        await one.sharing.step()
        await other.follower.poll()
        clock.seconds += 31.0
        await one.sharing.step()
        probe = one.take()
        assert probe is not None
        probe.done(True)
        await one.sharing.step()
        assert (one.out, other.out) == (False, True)
        await other.follower.poll()
        assert not other.out


async def test_a_redis_that_lost_everything_frees_nobody(redis_server: EmbeddedRedis) -> None:
    async with replicas(redis_server.url, 2, Clock()) as (one, other):
        one.fail()
        await one.sharing.step()
        await other.follower.poll()
        await one.ejections._redis.flushdb()
        for replica in (one, other):
            await replica.follower.poll()
            await replica.sharing.step()
        assert (one.out, other.out) == (True, True)
