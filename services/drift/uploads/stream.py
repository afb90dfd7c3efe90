"""The bytes of an upload: skipped where they are done already, read and reported where they are not."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from turnout.drift.v1 import truth_pb2 as rpc

from services.drift.tables import BrokenTable, Misread, Reader, Row
from services.drift.tables.csv_rows import CsvReader
from services.drift.uploads.header import format_of, reader_of
from services.drift.uploads.progress import Progress
from services.drift.uploads.rows import Reports
from services.foundation.errors import InvalidArgument

# Read at a time: what is in memory of a file is this, a row, and the message that it came in.
PIECE = 64 * 1024


@dataclass(slots=True)
class Stream:
    """One stream of a file. skip: bytes at its beginning that are done already; rows: those up to the offset
    of its progress; `save` keeps progress; `gate` is passed by a few at once."""

    header: rpc.GroundTruthHeader
    progress: Progress
    reports: Reports
    save: Callable[[Progress], Awaitable[None]]
    gate: asyncio.Semaphore
    skip: int = 0
    came: int = 0
    rows: int = 0
    _check: int = 0
    _reader: Reader | None = None
    _begun: bool = False
    _waiting: bytearray = field(default_factory=bytearray)
    # Given to the reader, and not done: the row that has not ended.
    _given: bytes = b""

    async def take(self, data: bytes) -> None:
        """The next bytes. Raises InvalidArgument, StateUnavailable, StoreFull."""
        self.came += len(data)
        data = self._behind(data)
        if data and self.progress.complete:
            at = self.progress.offset
            raise _wrong(f"the upload is complete at byte {at}: a file that goes on needs another upload_id")
        self._waiting += data
        while len(self._waiting) >= PIECE:
            piece = bytes(self._waiting[:PIECE])
            del self._waiting[:PIECE]
            async with self.gate:
                await self._read(piece)

    async def end(self) -> None:
        """There are no more. Raises as `take` does."""
        if self.skip:
            at = self.progress.offset
            raise _wrong(
                f"the file ends at byte {self.came}, and byte {at} of the upload is done: it is another"
            )
        if self.progress.complete:
            return
        async with self.gate:
            await self._read(bytes(self._waiting))
            self._waiting.clear()
            await self._finish()

    def _behind(self, data: bytes) -> bytes:
        """What is not done yet; what is, has to be what it was."""
        known, data = data[: self.skip], data[self.skip :]
        self._check = zlib.crc32(known, self._check)
        self.skip -= len(known)
        whole = not self.header.offset
        if whole and known and not self.skip and self._check != self.progress.check:
            at = self.progress.offset
            raise _wrong(f"the first {at} bytes are not those that the upload began with: it is another file")
        return data

    async def _read(self, piece: bytes) -> None:
        reader = self._reader or self._open(piece)
        try:
            rows = reader.feed(piece)
        except BrokenTable as broken:
            raise _wrong(str(broken)) from None
        self._given += piece
        await self._report(reader, rows)

    async def _finish(self) -> None:
        reader = self._reader or self._open(b"")
        try:
            rows = reader.end()
        except BrokenTable as broken:
            raise _wrong(str(broken)) from None
        await self._report(reader, rows, complete=True)

    def _open(self, piece: bytes) -> Reader:
        progress = self.progress
        progress.format = progress.format or format_of(piece, self.header)
        self._reader = reader_of(self.header, progress.format, progress.mark)
        return self._reader

    async def _report(self, reader: Reader, rows: Sequence[Row | Misread], *, complete: bool = False) -> None:
        if isinstance(reader, CsvReader) and reader.columns and not self._begun:
            self.reports.columns.check(reader.columns)
            self._begun = True
        await self.reports.take(rows, self.progress)
        mark = reader.mark()
        done = len(self._given) - mark.held
        self.progress.done(self._given[:done])
        self._given = self._given[done:]
        self.progress.mark, self.progress.complete = mark, complete
        self.rows = self.progress.rows
        await self.save(self.progress)


def _wrong(said: str) -> InvalidArgument:
    return InvalidArgument(f"data: {said}", fields=[("data", said)])
