"""A writer of events for a test, and what the streams have of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from turnout.inference.v1.event_pb2 import EventBatch

from services.state import keys
from services.state.batcher import EventWriter
from services.state.connection import Connections
from services.state.events import BATCH_FIELD
from tests.waiting import eventually


@asynccontextmanager
async def writing(
    connections: Connections, spool: Path, writer: str = "w1", **options: Any
) -> AsyncIterator[EventWriter]:
    made = EventWriter(connections, spool, writer=writer, **options)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        await made.close()
        await running


async def batches(connections: Connections, partition: int) -> list[EventBatch]:
    entries = await connections.steady.xrange(keys.events(partition))
    return [EventBatch.FromString(fields[BATCH_FIELD]) for _, fields in entries]


async def events(connections: Connections, partition: int) -> list[bytes]:
    return [event for batch in await batches(connections, partition) for event in batch.predictions]


async def gaps(connections: Connections, partition: int) -> int:
    return sum(batch.gap.events for batch in await batches(connections, partition))


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [f"{number:06}".encode() for number in range(start, start + count)]


async def put_all(writer: EventWriter, partition: int, blobs: Iterable[bytes]) -> None:
    """Put events as requests do: with the loop running in between."""
    for index, blob in enumerate(blobs):
        writer.put(partition, blob)
        if index % 50 == 0:
            await asyncio.sleep(0)


async def written(writer: EventWriter, least: int) -> None:
    await eventually(lambda: writer.written >= least, within=30.0)
