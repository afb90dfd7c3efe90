"""From the event stream to records and profiles: each prediction once, whoever dies on the way."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from turnout.drift.v1 import analysis_pb2 as rpc
from turnout.drift.v1.result_pb2 import DRIFT_STATUS_ALERT, DRIFT_STATUS_OK, DriftResult
from turnout.router.v1.model_pb2 import Model

from services.drift.build import handler_of
from services.drift.consumer import GROUP
from services.state import keys
from services.state.connection import Connections
from services.state.consumer import Entry, Handler, PartitionConsumer
from services.state.fenced import Fence
from services.state.logged import Logged
from services.state.ownership import Ownership
from services.state.records import RecordStore
from services.state.streams import PACKED_EVENTS
from tests.drift.conftest import Ask, creation
from tests.drift.traffic import PARTITION, append
from tests.state.background import running
from tests.waiting import eventually

# Short, so that a successor need not be waited for long.
LEASE_SECONDS = 0.6


@asynccontextmanager
async def member(
    connections: Connections, name: str, handler: Handler[Logged] | None = None
) -> AsyncIterator[PartitionConsumer[Logged]]:
    """A consumer that vanishes at the end as a killed process does: nothing is handed over."""
    rng = random.Random(name)
    ownership = Ownership(connections, GROUP, name, rng=rng, lease_seconds=LEASE_SECONDS)
    handle = handler or handler_of(connections, time.time).handle
    consumer = PartitionConsumer(connections, ownership, PACKED_EVENTS, handle, rng=rng)
    async with running(ownership.run(), consumer.run()):
        yield consumer


async def analysed(ask: Ask) -> DriftResult:
    reply: rpc.AnalyzeResponse = await ask("Analyze", rpc.AnalyzeRequest(model="churn"))
    return reply.result


@pytest.fixture
async def baseline(ask: Ask, model: Model) -> None:
    """The model has an active baseline."""
    await ask("CreateBaseline", creation())


async def test_logged_predictions_become_records_and_profiles(
    connections: Connections, ask: Ask, baseline: None
) -> None:
    made = [event for sequence in range(1, 6) for event in await append(connections, sequence, 40)]
    async with member(connections, "a") as consumer:
        await eventually(lambda: consumer.handled == 5)
    records = await RecordStore(connections).read_many(event.manifest.prediction_id for event in made)
    assert [records[event.manifest.prediction_id].event for event in made] == made
    result = await analysed(ask)
    assert result.rows == 200
    assert result.status == DRIFT_STATUS_OK


async def test_the_shifted_feature_is_named(connections: Connections, ask: Ask, baseline: None) -> None:
    await append(connections, 1, 250, age=50.0)
    async with member(connections, "a") as consumer:
        await eventually(lambda: consumer.handled == 1)
    result = await analysed(ask)
    assert result.status == DRIFT_STATUS_ALERT
    assert result.features[0].feature == "age"
    assert [feature.significant for feature in result.features] == [True, False, False]
    assert "age" in result.summary


async def test_an_owner_killed_after_writing_and_before_acknowledging_counts_nothing_twice(
    connections: Connections, ask: Ask, baseline: None
) -> None:
    """Its successor gets the same entries again, and skips what the profiles say they contain."""
    for sequence in range(1, 6):
        await append(connections, sequence, 30)
    written = asyncio.Event()

    async def write_and_hang(partition: int, fence: Fence, batches: Sequence[Entry[Logged]]) -> None:
        await handler_of(connections, time.time).handle(partition, fence, batches)
        written.set()
        await asyncio.Event().wait()

    async with member(connections, "a", write_and_hang):
        async with asyncio.timeout(10):
            await written.wait()
    first = (await analysed(ask)).rows
    assert first > 0
    assert await connections.steady.xlen(keys.events(PARTITION)) == 5
    async with member(connections, "b") as successor:
        await eventually(lambda: successor.handled == 5)
    assert (await analysed(ask)).rows == 150


async def test_a_former_owner_that_wakes_up_writes_nothing(
    connections: Connections, ask: Ask, baseline: None
) -> None:
    await append(connections, 1, 30)
    asleep, wake, refused = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def sleep_then_write(partition: int, fence: Fence, batches: Sequence[Entry[Logged]]) -> None:
        asleep.set()
        await wake.wait()
        try:
            await handler_of(connections, time.time).handle(partition, fence, batches)
        finally:
            refused.set()

    sleeper = Ownership(connections, GROUP, "sleeper", rng=random.Random(1), lease_seconds=LEASE_SECONDS)
    await sleeper.round()
    reader = PartitionConsumer(connections, sleeper, PACKED_EVENTS, sleep_then_write, rng=random.Random(1))
    # Its leases are not renewed: to the others it is dead.
    async with running(reader.run()):
        async with asyncio.timeout(10):
            await asleep.wait()
        async with member(connections, "b") as successor:
            await eventually(lambda: successor.handled == 1)
            wake.set()
            async with asyncio.timeout(10):
                await refused.wait()
            await append(connections, 2, 20)
            await eventually(lambda: successor.handled == 2)
    assert (await analysed(ask)).rows == 50
    assert reader.handled == 0
