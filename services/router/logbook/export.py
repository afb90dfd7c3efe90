"""A router's predictions as a file that is never whole in memory."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from turnout.inference.v1.event_pb2 import PredictionRecord
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import (
    EXPORT_FORMAT_PARQUET,
    ExportFormat,
    ExportPredictionsResponse,
)

from services.router.logbook.chunks import Chunks
from services.router.logbook.ndjson import NdjsonWriter
from services.router.logbook.parquet import ParquetWriter
from services.router.logbook.rows import Row, rows_of
from services.state.earned import Earned, EarnedReader, Scale
from services.state.outcomes import reward_metric
from services.state.truths import TruthReader, Truths
from services.state.walk import RecordWalk

# What is handed to a writer at a time: the rows of a batch say much of it again and again.
ROWS_AT_ONCE, BYTES_AT_ONCE = 500, 1024 * 1024


class Writer(Protocol):
    """What makes bytes of rows; `size` is about what they have."""

    def add(self, rows: Sequence[Row], size: int) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Archive:
    """What is kept of predictions, and of what came of them."""

    walk: RecordWalk
    truths: TruthReader
    earned: EarnedReader


async def export(
    archive: Archive, router: Router, within: tuple[float, float], form: ExportFormat
) -> AsyncGenerator[ExportPredictionsResponse, None]:
    """The file in chunks; `within` are the first time and the end of times, in seconds since 1970.

    Raises StateUnavailable, NewerFormat.
    """
    chunks, scales = Chunks(), scales_of(router)
    make: Callable[[Chunks], Writer] = ParquetWriter if form == EXPORT_FORMAT_PARQUET else NdjsonWriter
    # Threads, for predictions must not wait while some megabytes are put into a table.
    writer = await asyncio.to_thread(make, chunks)
    async with aclosing(archive.walk.walk(router.uid, *within)) as portions:
        async for records in portions:
            truths = await archive.truths.read(records)
            earned = await archive.earned.read(router.uid, scales, records)
            await asyncio.to_thread(_write, writer, records, truths, earned)
            for chunk in chunks.full():
                yield ExportPredictionsResponse(data=chunk.data, rows=chunk.rows)
    await asyncio.to_thread(writer.close)
    for chunk in chunks.rest():
        yield ExportPredictionsResponse(data=chunk.data, rows=chunk.rows)


def scales_of(router: Router) -> list[Scale]:
    """The metrics that a router's feedback may be in."""
    declared: dict[str, Scale] = {}
    for spec in router.metrics:
        low = spec.min_value if spec.HasField("min_value") else 0.0
        high = spec.max_value if spec.HasField("max_value") else 1.0
        declared[spec.name] = Scale(spec.name, low, high)
    name = reward_metric(router)
    declared.setdefault(name, Scale(name))
    return list(declared.values())


def _write(writer: Writer, records: Sequence[PredictionRecord], truths: Truths, earned: Earned) -> None:
    rows: list[Row] = []
    size = 0
    for record in records:
        each = record.ByteSize()
        for row in rows_of(record, truths, earned):
            rows.append(row)
            size += each
            if len(rows) >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
                writer.add(rows, size)
                rows, size = [], 0
    writer.add(rows, size)
