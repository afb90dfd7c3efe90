"""Records from the oldest to the newest: each once, in portions of bounded size."""

import random

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.state import walk
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.records import RecordWriter
from services.state.walk import RecordWalk
from tests.state.test_records import NOW, OTHER, PARTITION, ROUTER, event, fence, write

assert fence  # the fixture of the records' own tests


async def walked(connections: Connections, start: float = 0.0, end: float = NOW + 60) -> list[list[str]]:
    portions = RecordWalk(connections).walk(ROUTER, start, end)
    return [[record.event.manifest.prediction_id for record in some] async for some in portions]


async def test_every_record_comes_once_and_in_order(connections: Connections, fence: Fence) -> None:
    rng = random.Random(4)
    made = [event(NOW - rng.uniform(0, 5 * 3600), seed) for seed in range(700)]
    written = await write(connections, fence, made)
    await write(connections, fence, [event(NOW - 60, 1, OTHER)])
    assert [name for some in await walked(connections) for name in some] == written[::-1]


@pytest.mark.parametrize(("start", "end"), [(0.0, 20.0), (10.0, 20.0), (10.0, 10.0), (19.0, 99.0)])
async def test_times_are_from_and_before(
    connections: Connections, fence: Fence, start: float, end: float
) -> None:
    base = NOW - 600
    made = [event(base + second, second) for second in range(30)]
    await write(connections, fence, made)
    wanted = [one.manifest.prediction_id for second, one in enumerate(made) if start <= second < end]
    found = await walked(connections, base + start, base + end)
    assert [name for some in found for name in some] == wanted


async def test_a_portion_is_as_large_as_may_be_held_or_one_record(
    connections: Connections, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PORTION_BYTES", 3000)
    sizes = [500, 500, 500, 9000, 500, 2000, 700]
    made: list[PredictionEvent] = [
        event(NOW - 60 + place, place, entity_id="x" * size) for place, size in enumerate(sizes)
    ]
    await write(connections, fence, made)
    assert [len(some) for some in await walked(connections)] == [3, 1, 2, 1]


async def test_what_is_written_behind_it_is_not_seen_twice(connections: Connections, fence: Fence) -> None:
    made = [event(NOW - 60 + place / 10, place) for place in range(300)]
    await write(connections, fence, made)
    writer, seen = RecordWriter(connections), []
    async for some in RecordWalk(connections).walk(ROUTER, 0.0, NOW):
        seen += [record.event.manifest.prediction_id for record in some]
        await writer.write(PARTITION, fence, "8-0", [event(NOW - 3600, 999)])
    assert seen == [one.manifest.prediction_id for one in made]
