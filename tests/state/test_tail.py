"""The event streams followed from now on, by one reader, whatever is dropped meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from services.state import events, formats, ids, keys
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.tail import EventTail
from tests.waiting import eventually

PARTITION, OTHER = 7, 8


class Ear:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.unreadable = False
        self.gaps: list[tuple[int, str, str]] = []

    def hear(self, events: Sequence[PredictionEvent]) -> None:
        self.heard += [event.request_id for event in events]

    async def missed(self, partition: int, after: str, before: str) -> None:
        self.gaps.append((partition, after, before))
        if self.unreadable:
            raise NewerFormat("a record of the next version")


@asynccontextmanager
async def listening(connections: Connections) -> AsyncIterator[tuple[EventTail, Ear]]:
    tail, ear = EventTail(connections, random.Random(3)), Ear()
    running = asyncio.create_task(tail.run(ear))
    try:
        yield tail, ear
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Writer:
    """Appends batches of one event."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._sequence = 0

    async def append(self, *names: str, partition: int = PARTITION) -> None:
        for name in names:
            self._sequence += 1
            event = PredictionEvent(format=1, request_id=name)
            event.manifest.prediction_id = ids.new_prediction_id(partition, 1_700_000_000.0, random.Random(1))
            event.time.FromSeconds(1_700_000_000)
            event.event_time.FromSeconds(1_700_000_000)
            batch = EventBatch(predictions=[event.SerializeToString()])
            await events.append(self._connections, partition, batch, "w", self._sequence)


async def test_hears_what_comes_after_it_began_and_nothing_before(connections: Connections) -> None:
    writer = Writer(connections)
    await writer.append("before")
    async with listening(connections) as (tail, ear):
        await tail.follow(PARTITION)
        await writer.append("one", "two")
        await writer.append("elsewhere", partition=OTHER)
        await writer.append("three")
        await eventually(lambda: len(ear.heard) == 3)
    assert ear.heard == ["one", "two", "three"]
    assert ear.gaps == []


async def test_hears_each_once_however_many_watch(connections: Connections) -> None:
    writer = Writer(connections)
    async with listening(connections) as (tail, ear):
        await tail.follow(PARTITION)
        await writer.append("one")
        await tail.follow(PARTITION)
        await tail.follow(OTHER)
        await writer.append("two")
        await writer.append("other", partition=OTHER)
        await eventually(lambda: len(ear.heard) == 3)
        tail.leave(PARTITION)
        await writer.append("three")
        await eventually(lambda: len(ear.heard) == 4)
    assert sorted(ear.heard) == ["one", "other", "three", "two"]


async def test_stops_reading_when_the_last_one_leaves(connections: Connections) -> None:
    writer = Writer(connections)
    async with listening(connections) as (tail, ear):
        await tail.follow(PARTITION)
        tail.leave(PARTITION)
        await writer.append("unheard")
        await tail.follow(PARTITION)
        await writer.append("heard")
        await eventually(lambda: ear.heard)
    assert ear.heard == ["heard"]


async def test_notices_what_was_dropped_before_it_was_read(connections: Connections) -> None:
    writer = Writer(connections)
    tail, ear = EventTail(connections, random.Random(3)), Ear()
    await writer.append("before")
    await tail.follow(PARTITION)
    # Nobody reads yet; by the time somebody does, all groups are done with the first of them.
    await writer.append("dropped")
    await connections.steady.xtrim(keys.events(PARTITION), maxlen=0, approximate=False)
    await writer.append("kept")
    running = asyncio.create_task(tail.run(ear))
    await eventually(lambda: ear.heard)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ear.heard == ["kept"]
    ((partition, after, before),) = ear.gaps
    assert partition == PARTITION
    assert after < before


async def test_a_stream_that_was_trimmed_whole_before_it_began_is_no_gap(connections: Connections) -> None:
    writer = Writer(connections)
    await writer.append("before")
    await connections.steady.xtrim(keys.events(PARTITION), maxlen=0, approximate=False)
    async with listening(connections) as (tail, ear):
        await tail.follow(PARTITION)
        await writer.append("one")
        await eventually(lambda: ear.heard)
    assert ear.gaps == []


@pytest.mark.parametrize(
    "batch",
    [
        EventBatch(format=formats.EVENT_BATCH + 1),
        EventBatch(predictions=[PredictionEvent(format=formats.PREDICTION_EVENT + 1).SerializeToString()]),
    ],
    ids=["batch", "event"],
)
async def test_what_a_newer_version_wrote_costs_only_itself(
    connections: Connections, batch: EventBatch
) -> None:
    writer = Writer(connections)
    async with listening(connections) as (tail, ear):
        await tail.follow(PARTITION)
        payload = batch.SerializeToString()
        await connections.steady.xadd(keys.events(PARTITION), {"batch": payload, "bytes_before": 0})
        await writer.append("sound")
        await eventually(lambda: ear.heard)
    assert ear.heard == ["sound"]


async def test_a_gap_whose_records_a_newer_version_wrote_costs_only_itself(connections: Connections) -> None:
    writer = Writer(connections)
    async with listening(connections) as (tail, ear):
        ear.unreadable = True
        await tail.follow(PARTITION)
        event = PredictionEvent(format=1, request_id="behind the gap")
        event.manifest.prediction_id = ids.new_prediction_id(PARTITION, 1_700_000_000.0, random.Random(1))
        batch = EventBatch(predictions=[event.SerializeToString()]).SerializeToString()
        await connections.steady.xadd(keys.events(PARTITION), {"batch": batch, "bytes_before": 500})
        await writer.append("sound")
        await eventually(lambda: "sound" in ear.heard)
    assert ear.heard == ["behind the gap", "sound"]
    assert len(ear.gaps) == 1


async def test_an_entry_that_cannot_be_read_costs_only_itself(connections: Connections) -> None:
    writer = Writer(connections)
    async with listening(connections) as (tail, ear):
        await tail.follow(PARTITION)
        await connections.steady.xadd(keys.events(PARTITION), {"batch": b"\xff\xff", "bytes_before": 0})
        await writer.append("sound")
        await eventually(lambda: ear.heard)
    assert ear.heard == ["sound"]
