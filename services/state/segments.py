"""One file of the spool: records, each with its length and checksum, and a byte that says when it is done.

Nothing is synced to the disk. What was written survives the death of the process, which is what the spool is
for; it does not survive the death of the machine, and neither does what Redis got under `everysec`. A sync
takes milliseconds to seconds on the disks of the cloud, and predictions that must not be lost
(`log.durability: SYNC`) wait for Redis, never for the spool.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from services.state.errors import NewerFormat
from services.state.spool_facts import Facts

SUFFIX = ".spool"
# The number in it is that of the format.
MAGIC = b"turnout spool 1\n"
# Done or not, length and CRC-32 of what follows. The first is overwritten in place, so no checksum covers it.
_FRAME = struct.Struct("<?II")
_FACTS = struct.Struct("<HqqqqqqqB")


class Place(NamedTuple):
    """Where a record begins, and where its payload is."""

    record: int
    offset: int
    length: int


class Segment:
    """An open file; `owner` is the writer that made it, `live` the number of records still wanted."""

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.size = size
        self.live = 0
        self.torn = 0
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path) -> "Segment":
        """A new file. Raises OSError, also if there is one already."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        segment = cls(path, descriptor, 0)
        try:
            segment._write(MAGIC)
        except OSError:
            segment.remove()
            raise
        return segment

    @classmethod
    def open(cls, path: Path) -> "Segment":
        """A file that another process left. Raises NewerFormat if it is of a version that we do not know."""
        descriptor = os.open(path, os.O_RDWR)
        segment = cls(path, descriptor, os.fstat(descriptor).st_size)
        found = os.pread(descriptor, len(MAGIC), 0)
        if found != MAGIC[: len(found)]:
            os.close(descriptor)
            raise NewerFormat(f"{path} is not a spool file of a format that this version knows", path=path)
        return segment

    @property
    def owner(self) -> str:
        """The writer that made the file."""
        return self.path.name.partition(".")[0]

    @property
    def modified(self) -> int:
        """When it was last written, in ns since 1970."""
        return os.fstat(self._descriptor).st_mtime_ns

    def append(self, facts: Facts, payload: bytes) -> Place:
        """Add a record. Raises OSError; the file must then not be appended to again."""
        writer = facts.writer.encode()
        numbers = (facts.partition, *facts[2:])
        head = _FACTS.pack(*numbers, len(writer)) + writer
        body = head + payload
        place = Place(self.size, self.size + _FRAME.size + len(head), len(payload))
        self._write(_FRAME.pack(False, len(body), zlib.crc32(body)) + body)
        return place

    def read(self, place: Place) -> bytes:
        """A payload."""
        return os.pread(self._descriptor, place.length, place.offset)

    def finish(self, place: Place) -> None:
        """Mark a record as done: nobody needs it any more."""
        os.pwrite(self._descriptor, b"\x01", place.record)

    def records(self) -> Iterator[tuple[Facts, Place]]:
        """Every whole record that is not done. `torn` then says how many bytes behind them are of no use: the
        writer died in the middle of one."""
        at = min(len(MAGIC), self.size)
        while found := self._record(at):
            done, body = found
            if not done:
                facts, length = _unpack(body)
                yield facts, Place(at, at + _FRAME.size + len(body) - length, length)
            at += _FRAME.size + len(body)
        self.torn = self.size - at

    def close(self) -> None:
        """Close the file and leave it."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _record(self, at: int) -> tuple[bool, bytes] | None:
        frame = os.pread(self._descriptor, _FRAME.size, at)
        if len(frame) < _FRAME.size:
            return None
        done, length, checksum = _FRAME.unpack(frame)
        if at + _FRAME.size + length > self.size:
            return None
        body = os.pread(self._descriptor, length, at + _FRAME.size)
        return (done, body) if zlib.crc32(body) == checksum else None

    def _write(self, data: bytes) -> None:
        written = os.pwrite(self._descriptor, data, self.size)
        self.size += written
        if written != len(data):
            raise OSError(f"{self.path}: only {written} of {len(data)} bytes could be written")


@dataclass(slots=True, eq=False)
class Entry:
    """A batch on disk. tried: it was sent once, and Redis may have it."""

    facts: Facts
    segment: Segment
    place: Place
    tried: bool


def record_bytes(writer: str, payload_bytes: int) -> int:
    """What a record takes in a file."""
    return _FRAME.size + _FACTS.size + len(writer.encode()) + payload_bytes


def settled(entries: Iterable[Entry]) -> list[Entry]:
    """Entries of one key in their order; done with those that are there twice or that a gap stands for: who
    wrote it died before deleting them."""
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: (-entry.facts.sequence, entry.facts.since)):
        if kept and entry.facts.sequence >= kept[-1].facts.since:
            entry.segment.finish(entry.place)
        else:
            kept.append(entry)
    return kept[::-1]


def _unpack(body: bytes) -> tuple[Facts, int]:
    partition, *numbers, length = _FACTS.unpack_from(body)
    begin = _FACTS.size + length
    facts = Facts(partition, body[_FACTS.size : begin].decode(), *numbers)
    return facts, len(body) - begin
