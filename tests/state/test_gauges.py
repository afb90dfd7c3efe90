"""What a process shows of the streams it reads is true, also when Redis is away and when it goes."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from turnout.inference.v1.event_pb2 import EventBatch

from services.foundation.metrics import Metrics
from services.state.connection import Connections, connect
from services.state.consumer import Entry
from services.state.embedded import EmbeddedRedis
from services.state.fenced import Fence
from services.state.gauges import ConsumerGauges
from services.state.ids import PARTITIONS
from tests.state.background import running
from tests.state.groups import Handle, Member, append
from tests.waiting import eventually


class Shown(Member):
    """A member that shows its gauges."""

    def __init__(self, connections: Connections, name: str, handle: Handle | None = None) -> None:
        super().__init__(connections, name, handle)
        self.metrics = Metrics()
        self.gauges = ConsumerGauges(self.ownership, [self.consumer], self.metrics, random.Random(name), 0.1)

    @property
    def owned(self) -> float | None:
        return self.metrics.registry.get_sample_value("turnout_partitions_owned", {"group": "drift"})

    def lag(self, partition: int) -> float | None:
        labels = {"group": "drift", "stream": "events", "partition": str(partition)}
        return self.metrics.registry.get_sample_value("turnout_consumer_lag_events", labels)

    def lags(self) -> int:
        return len(self.gauges._shown)


@asynccontextmanager
async def alive(one: Shown) -> AsyncIterator[None]:
    one.start()
    async with running(one.gauges.run()):
        yield
    await one.vanish()


async def test_what_is_led_and_not_done_is_shown_and_nothing_after_the_end(connections: Connections) -> None:
    go_on = asyncio.Event()

    async def wait(partition: int, fence: Fence, entries: Sequence[Entry[EventBatch]]) -> None:
        await go_on.wait()

    one = Shown(connections, "a", wait)
    await append(connections, 3, 1, 2, 3)
    async with alive(one):
        await eventually(lambda: (one.owned, one.lag(3), one.lag(4)) == (PARTITIONS, 3, 0))
        go_on.set()
        await eventually(lambda: one.lag(3) == 0)
        await one.ownership.drain()
        await eventually(lambda: (one.owned, one.lags()) == (0, 0))
        assert one.lag(3) is None


async def test_a_process_shows_what_is_its_own(connections: Connections) -> None:
    one, two = Shown(connections, "a"), Shown(connections, "b")
    await append(connections, 3, 1)
    async with alive(one):
        await eventually(lambda: one.lag(3) == 0)
        async with alive(two):
            await eventually(lambda: (one.owned, two.owned) == (PARTITIONS / 2, PARTITIONS / 2))
            await eventually(lambda: one.lags() + two.lags() == PARTITIONS)
            assert [
                place for place in range(PARTITIONS) if (one.lag(place) is None) == (two.lag(place) is None)
            ] == []


async def test_a_process_that_is_cancelled_leads_nothing(connections: Connections) -> None:
    one = Shown(connections, "a")
    async with alive(one):
        await eventually(lambda: one.lags() == PARTITIONS)
    assert (one.owned, one.lags()) == (0, 0)


async def test_what_was_given_up_is_counted(connections: Connections) -> None:
    async def choke(partition: int, fence: Fence, entries: Sequence[Entry[EventBatch]]) -> None:
        raise ValueError("cannot digest it")

    one = Shown(connections, "a", choke)
    labels = {"group": "drift", "stream": "events"}
    async with alive(one):
        await eventually(lambda: one.owned == PARTITIONS)
        assert one.metrics.registry.get_sample_value("turnout_dead_letters_total", labels) == 0
        await append(connections, 3, 1)
        await eventually(
            lambda: one.metrics.registry.get_sample_value("turnout_dead_letters_total", labels) == 1
        )


async def test_while_redis_is_away_no_lag_is_shown(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url) as connections:
        one = Shown(connections, "a")
        async with alive(one):
            await eventually(lambda: one.lags() == PARTITIONS)
            await redis_server.kill()
            await eventually(lambda: one.lags() == 0)
            assert one.owned == PARTITIONS
            await redis_server.start()
            await eventually(lambda: one.lags() == PARTITIONS)
