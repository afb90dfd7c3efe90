"""Batches of events: when they leave, what they carry, and who waits for them."""

import asyncio
from pathlib import Path

import pytest

from services.foundation.metrics import Metrics
from services.state import keys
from services.state.batcher import EventWriter
from services.state.connection import Connections
from services.state.errors import StateUnavailable
from tests.state.writing import batches, events, gaps, numbered, put_all, writing
from tests.waiting import eventually


async def test_flush_returns_when_redis_has_it(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path) as writer:
        writer.put(3, b"first")
        writer.put_participant(3, b"its shadow")
        writer.put(4, b"elsewhere")
        await writer.flush()
        (batch,) = await batches(connections, 3)
        assert (batch.writer, batch.sequence, batch.format) == ("w1", 1, 1)
        assert list(batch.predictions) == [b"first"]
        assert list(batch.participants) == [b"its shadow"]
        assert (writer.written, writer.queued) == (3, 0)


async def test_a_full_batch_leaves_at_once(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path, batch_seconds=3600.0, batch_events=10) as writer:
        await put_all(writer, 3, numbered(9))
        assert await batches(connections, 3) == []
        writer.put(3, b"tenth")
        await eventually(lambda: writer.written == 10)


async def test_a_lonely_event_leaves_by_itself(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path) as writer:
        writer.put(3, b"alone")
        await eventually(lambda: writer.written == 1)
    assert await events(connections, 3) == [b"alone"]


async def test_batches_stay_within_their_size(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path, batch_events=100) as writer:
        for blob in numbered(250):
            writer.put(3, blob)
        await writer.flush()
        assert [len(one.predictions) for one in await batches(connections, 3)] == [100, 100, 50]
        large = [bytes([number]) * 400_000 for number in range(5)]
        for blob in large:
            writer.put(4, blob)
        await writer.flush()
        found = await batches(connections, 4)
        assert [len(one.predictions) for one in found] == [2, 2, 1]
        assert [event for one in found for event in one.predictions] == large


async def test_each_partition_keeps_its_order(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path) as writer:
        for number, blob in enumerate(numbered(3000)):
            writer.put(number % 5, blob)
            if number % 7 == 0:
                writer.put_participant(number % 5, blob)
                await asyncio.sleep(0)
        await writer.flush()
    for partition in range(5):
        found = await batches(connections, partition)
        assert [event for one in found for event in one.predictions] == numbered(3000)[partition::5]
        assert [one.sequence for one in found] == list(range(1, len(found) + 1))
        late = [event for one in found for event in one.participants]
        assert late == [b for n, b in enumerate(numbered(3000)) if n % 5 == partition and n % 7 == 0]


async def test_a_participant_never_overtakes_its_prediction(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path, batch_events=10) as writer:
        for blob in numbered(25):
            writer.put(3, blob)
            writer.put_participant(3, blob)
        await writer.flush()
    seen: set[bytes] = set()
    for batch in await batches(connections, 3):
        seen |= set(batch.predictions)
        assert seen >= set(batch.participants)


async def test_memory_is_bounded(connections: Connections, tmp_path: Path) -> None:
    writer = EventWriter(connections, tmp_path, writer="w1", memory_bytes=100_000)
    for blob in numbered(5000):
        writer.put(1, blob)
        writer.put_participant(2, blob)
    assert writer.queued + writer.dropped == 10_000
    kept = writer.queued
    assert 0 < kept * 64 <= 100_000
    running = asyncio.create_task(writer.run())
    await eventually(lambda: writer.written == kept)
    await writer.close()
    await running
    assert await gaps(connections, 1) + await gaps(connections, 2) == 10_000 - kept


async def test_a_full_stream_holds_up_no_other(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path, stream_bytes=2000, batch_events=10) as writer:
        writer.put(1, b"x" * 1990)
        await writer.flush()
        await put_all(writer, 1, numbered(100))
        for blob in numbered(50):
            writer.put(2, blob)
            await writer.flush(2)
        await eventually(lambda: writer.spooled == 100)
        with pytest.raises(StateUnavailable):
            await writer.flush(1, seconds=0.05)
        await connections.steady.xtrim(keys.events(1), maxlen=0, approximate=False)
        await eventually(lambda: writer.spooled == 0)
        assert await events(connections, 1) == numbered(100)
        assert await events(connections, 2) == numbered(50)


async def test_flush_does_not_confirm_what_was_dropped(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path, memory_bytes=1000) as writer:
        writer.put(1, b"x" * 2000)
        with pytest.raises(StateUnavailable):
            await writer.flush(1)
        await eventually(lambda: writer.dropped == 1)


async def test_flushes_share_a_round(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path, batch_seconds=3600.0) as writer:

        async def predict(blob: bytes) -> None:
            writer.put(1, blob)
            await writer.flush(1)

        await asyncio.gather(*(predict(blob) for blob in numbered(200)))
        assert await events(connections, 1) == numbered(200)
        assert len(await batches(connections, 1)) < 10


async def test_closing_writes_what_is_left(connections: Connections, tmp_path: Path) -> None:
    async with writing(connections, tmp_path / "spool", batch_seconds=3600.0) as writer:
        writer.put(1, b"a")
    assert await events(connections, 1) == [b"a"]
    assert list((tmp_path / "spool").iterdir()) == []


async def test_closing_writes_also_what_never_ran(connections: Connections, tmp_path: Path) -> None:
    writer = EventWriter(connections, tmp_path / "spool", writer="w1")
    writer.put(1, b"a")
    await writer.close()
    await writer.run()  # too late, and harmless
    assert await events(connections, 1) == [b"a"]


async def test_the_numbers_reach_the_metrics(connections: Connections, tmp_path: Path) -> None:
    metrics = Metrics()
    async with writing(connections, tmp_path, metrics=metrics, memory_bytes=1000) as writer:
        writer.put(1, b"a")
        writer.put(1, b"x" * 2000)
    read = metrics.registry.get_sample_value
    found = {
        name: read(f"turnout_events_{name}", {"stream": "events"})
        for name in ("written_total", "dropped_total", "queued", "spooled")
    }
    assert found == {"written_total": 1, "dropped_total": 1, "queued": 0, "spooled": 0}
