"""Events that were lost on the way make the buckets of their time incomplete, and no others."""

import random
import time

import pytest
from turnout.drift.v1 import analysis_pb2 as rpc
from turnout.inference.v1.event_pb2 import EventBatch
from turnout.router.v1.model_pb2 import Model

from services.drift.buckets import cover
from services.drift.consumer import GROUP
from services.drift.gaps import GapStore
from services.state import events
from services.state.connection import Connections
from services.state.errors import LostLease
from services.state.events import Loss
from services.state.fenced import Fence
from services.state.pending import Pending
from tests.drift.conftest import Ask, creation
from tests.drift.test_consumer import member
from tests.drift.traffic import PARTITION, append
from tests.waiting import eventually

HOUR = 3600.0
FENCE = Fence.of(PARTITION, GROUP, 1)


def torn(first: float, last: float) -> EventBatch:
    """A batch that reports the loss of three events."""
    return EventBatch(gap=Loss(3, int(first * 1e9), int(last * 1e9)).gap())


async def test_a_gap_in_the_stream_makes_its_window_incomplete(
    connections: Connections, ask: Ask, model: Model
) -> None:
    await ask("CreateBaseline", creation())
    await append(connections, 1, 40)
    now = time.time()
    pending = Pending("writer", 0, lambda: int((now - 2 * HOUR) * 1e9))
    pending.put(PARTITION, b"refused", 7)
    (batch,) = pending.seal(10, 1_000)
    async with member(connections, "a") as consumer:
        await events.append(connections, PARTITION, batch.payload, "writer", 1)
        await eventually(lambda: consumer.handled == 2)

    def asked(start: float, end: float) -> rpc.AnalyzeRequest:
        request = rpc.AnalyzeRequest(model="churn")
        request.start_time.FromSeconds(int(start))
        request.end_time.FromSeconds(int(end))
        return request

    lacking = (await ask("Analyze", asked(now - 3 * HOUR, now + 60))).result
    assert lacking.incomplete
    assert lacking.warnings[0].startswith("Incomplete: logged predictions were lost in 1 of")
    whole = (await ask("Analyze", asked(now - HOUR / 2, now + 60))).result
    assert whole.rows == 40
    assert not whole.incomplete
    assert not whole.warnings


@pytest.mark.parametrize("age", [60.0, 10 * HOUR, 240 * HOUR])
async def test_a_gap_is_known_as_long_as_the_rows_of_its_time(connections: Connections, age: float) -> None:
    now = time.time()
    await connections.steady.set(*FENCE)
    store = GapStore(connections)
    for _ in range(2):
        await store.mark(PARTITION, FENCE, [None, torn(now - age - 90, now - age).gap], now)
    assert await store.within(cover(now - age - HOUR, now - age + HOUR, now)) > 0
    assert await store.within(cover(now - age - 800 * HOUR, now - age - 100 * HOUR, now)) == 0
    assert age == 60.0 or await store.within(cover(now - HOUR, now, now)) == 0


async def test_a_gap_of_an_impossible_time_is_put_where_people_look(connections: Connections) -> None:
    now = time.time()
    await connections.steady.set(*FENCE)
    batch = torn(now, now)
    batch.gap.first.seconds = random.Random(1).randrange(2**61, 2**62)
    await GapStore(connections).mark(PARTITION, FENCE, [batch.gap], now)
    assert await GapStore(connections).within(cover(now - 60, now + 60, now)) == 1


async def test_who_lost_the_partition_marks_nothing(connections: Connections) -> None:
    now = time.time()
    await connections.steady.set(FENCE.key, "2")
    with pytest.raises(LostLease):
        await GapStore(connections).mark(PARTITION, FENCE, [torn(now, now).gap], now)
    assert await GapStore(connections).within(cover(now - 60, now + 60, now)) == 0
