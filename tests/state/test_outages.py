"""Events reach Redis once and in order, whatever happens to Redis, to the process and to the disk."""

import asyncio
import signal
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.state.batcher import EventWriter
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.errors import StateUnavailable
from tests.state.writing import batches, events, gaps, numbered, put_all, writing, written
from tests.waiting import eventually

# Puts events of partitions 0 to 3 while Redis is stopped, says when all are on disk, and waits to be killed.
CHILD = """
import asyncio, sys
from services.state.batcher import EventWriter
from services.state.connection import connect

async def main(url, spool, writer, count, total):
    events = EventWriter(connect(url), spool, writer=writer)
    running = asyncio.create_task(events.run())
    for number in range(count):
        events.put(number % 4, f"{writer} {number:05}".encode())
        if number % 50 == 0:
            await asyncio.sleep(0)
    while events.spooled < total:
        await asyncio.sleep(0.01)
    print("spooled", flush=True)
    await running

asyncio.run(main(*sys.argv[1:4], *map(int, sys.argv[4:])))
"""


async def test_a_stopped_redis_costs_nothing(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """Thousands of events while Redis hangs: on disk while it does, and in the streams once and in order
    after."""
    async with (
        connect(redis_server.url) as connections,
        writing(connections, tmp_path / "spool", batch_events=100) as writer,
    ):
        for partition in range(3):
            await put_all(writer, partition, numbered(100))
        await writer.flush()
        redis_server.signal(signal.SIGSTOP)
        for partition in range(3):
            await put_all(writer, partition, numbered(2000, 100))
        await eventually(lambda: writer.spooled == 6000)
        redis_server.signal(signal.SIGCONT)
        await eventually(lambda: writer.written == 6300, within=30.0)
        assert (writer.queued, writer.spooled, writer.dropped) == (0, 0, 0)
        for partition in range(3):
            assert await events(connections, partition) == numbered(2100)
        await put_all(writer, 0, [b"and on"])
        await writer.flush()
        assert (await events(connections, 0))[-1] == b"and on"


async def test_a_redis_that_stops_and_goes_costs_nothing(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """Rounds whose outcome is unknown again and again: Redis runs them later, and refuses the repetition."""
    put = 0
    async with (
        connect(redis_server.url) as connections,
        writing(connections, tmp_path / "spool", batch_events=20) as writer,
    ):
        for _ in range(5):
            before = writer.written
            redis_server.signal(signal.SIGSTOP)
            await put_all(writer, 1, numbered(300, put))
            put += 300
            await eventually(lambda: writer.spooled > 0)
            redis_server.signal(signal.SIGCONT)
            await put_all(writer, 1, numbered(300, put))
            put += 300
            await written(writer, before + 1)
        await written(writer, put)
        assert await events(connections, 1) == numbered(put)


async def test_a_killed_redis_costs_nothing(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    async with (
        connect(redis_server.url) as connections,
        writing(connections, tmp_path / "spool", batch_events=50) as writer,
    ):
        for cycle in range(3):
            await put_all(writer, 1, numbered(500, cycle * 1000))
            await redis_server.kill()
            await put_all(writer, 1, numbered(500, cycle * 1000 + 500))
            await eventually(lambda: writer.spooled > 0)
            await redis_server.start()
            await written(writer, (cycle + 1) * 1000)
        assert await events(connections, 1) == numbered(3000)


async def spool_in_a_child(
    redis_server: EmbeddedRedis, spool: Path, writer: str, count: int, total: int
) -> None:
    """Have another process put `count` events while Redis hangs, and kill it when `total` are on disk."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, redis_server.url, str(spool), writer, str(count), str(total)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stdout
        async for line in child.stdout:
            if line.strip() == b"spooled":
                return
    finally:
        child.kill()
        await child.communicate()
    raise AssertionError("the child died before it had spooled its events")


async def test_the_next_writer_brings_what_a_killed_one_left(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    async with connect(redis_server.url) as connections:
        redis_server.signal(signal.SIGSTOP)
        await spool_in_a_child(redis_server, spool, "dead1", 2000, 2000)
        await spool_in_a_child(redis_server, spool, "dead2", 2000, 4000)
        async with writing(connections, spool, "alive") as writer:
            await eventually(lambda: writer.spooled == 4000)
            await put_all(writer, 0, [b"mine"])
            redis_server.signal(signal.SIGCONT)
            await eventually(lambda: writer.written == 1 and writer.spooled == 0, within=30.0)
        for partition in range(4):
            found: defaultdict[str, list[bytes]] = defaultdict(list)
            for batch in await batches(connections, partition):
                found[batch.writer] += batch.predictions
            for dead in ("dead1", "dead2"):
                assert found[dead] == [f"{dead} {n:05}".encode() for n in range(partition, 2000, 4)]
        assert list(spool.iterdir()) == []


async def test_past_the_spools_cap_a_gap_counts_what_is_lost(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    blobs = [PredictionEvent(request_id=f"{n:06}" + "x" * 500).SerializeToString() for n in range(5000)]
    async with (
        connect(redis_server.url) as connections,
        writing(connections, tmp_path / "spool", spool_bytes=256 * 1024, batch_events=25) as writer,
    ):
        await put_all(writer, 1, blobs[:100])
        await writer.flush()
        redis_server.signal(signal.SIGSTOP)
        await put_all(writer, 1, blobs[100:])
        await eventually(lambda: writer.queued == 0)
        assert writer.dropped > 2000
        redis_server.signal(signal.SIGCONT)
        await eventually(lambda: writer.spooled == 0, within=30.0)
        await writer.flush(1)
        found = await events(connections, 1)
        assert await gaps(connections, 1) == writer.dropped == 5000 - len(found)
        assert [blob for blob in blobs if blob in set(found)] == found, "what is left is in order"
        assert found[-1] == blobs[-1]


async def test_closing_without_redis_leaves_it_on_disk(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    async with connect(redis_server.url) as connections:
        await redis_server.kill()
        async with writing(connections, tmp_path / "spool") as writer:
            await put_all(writer, 1, numbered(500))
        # A round that is cut short while the disk is at work is spooled once more; the stream takes it once.
        assert 500 <= writer.spooled <= 1000
        await redis_server.start()
        async with writing(connections, tmp_path / "spool", "w2") as heir:
            await eventually(lambda: heir.spooled == 0 and not list((tmp_path / "spool").glob("w1*")))
        assert await events(connections, 1) == numbered(500)


async def test_a_cancelled_writer_forgets_nothing(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """Cancelled in the middle of a round that Redis does not answer."""
    async with connect(redis_server.url) as connections:
        writer = EventWriter(connections, tmp_path / "spool", writer="w1", batch_events=10)
        running = asyncio.create_task(writer.run())
        redis_server.signal(signal.SIGSTOP)
        for blob in numbered(30):
            writer.put(1, blob)
        await eventually(lambda: writer.queued < 30 or writer._delivery.flying)
        running.cancel()
        await asyncio.wait([running])
        await writer.close()
        redis_server.signal(signal.SIGCONT)
        async with writing(connections, tmp_path / "spool", "w2"):
            await eventually(lambda: not list((tmp_path / "spool").glob("w1*")))
        assert await events(connections, 1) == numbered(30)


async def test_a_broken_disk_is_a_gap_and_no_end(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """Neither Redis nor the disk takes events: they are counted, and it goes on when Redis is back."""
    spool, away = tmp_path / "spool", tmp_path / "away"
    async with connect(redis_server.url) as connections, writing(connections, spool) as writer:
        writer.put(1, b"before")
        await writer.flush()
        spool.rename(away)
        await redis_server.kill()
        await put_all(writer, 1, numbered(50))
        await eventually(lambda: writer.dropped == 50)
        await redis_server.start()
        writer.put(1, b"after")
        await eventually(lambda: events_end_with(connections, b"after"))
        away.rename(spool)
        assert await events(connections, 1) == [b"before", b"after"]
        assert await gaps(connections, 1) == 50


async def events_end_with(connections: Connections, blob: bytes) -> bool:
    return (await events(connections, 1))[-1:] == [blob]


async def test_flush_says_that_redis_is_away(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    async with (
        connect(redis_server.url) as connections,
        writing(connections, tmp_path / "spool") as writer,
    ):
        redis_server.signal(signal.SIGSTOP)
        writer.put(1, b"a")
        with pytest.raises(StateUnavailable) as away:
            await writer.flush(seconds=0.2)
        assert away.value.retry_after
        redis_server.signal(signal.SIGCONT)
        await eventually(lambda: writer.written == 1)
        await writer.flush()
