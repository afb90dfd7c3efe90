"""A file as it comes in: what its format makes of its bytes goes to one gathering."""

from typing import Protocol

from services.drift.errors import BaselineFile
from services.drift.uploading.gathering import Gathering
from services.drift.uploading.refusals import Refusals
from services.drift.uploading.schema import Schema
from services.drift.uploading.wishes import Format

# Formats that people take for tables, by how they begin.
OTHERS = {
    b"\x1f\x8b": "is compressed by gzip: decompress it first",
    b"PK\x03\x04": "is a zip archive or a spreadsheet: save it as CSV",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: decompress it first",
    b"ARROW1": "is an Arrow file: save it as Parquet",
}
# Enough to tell a format by.
START = 64


class File(Protocol):
    """Reads one file. Every method raises BaselineFile, and OSError where the disk is full."""

    refusals: Refusals

    def feed(self, data: bytes) -> None:
        """More of it."""

    def end(self) -> tuple[Schema, Gathering]:
        """That was all: what was read."""

    def close(self) -> None:
        """Give back what it holds."""


def guess(start: bytes) -> Format:
    """The format of a file that begins like this. Raises BaselineFile for one that is known not to be one."""
    for mark, said in OTHERS.items():
        if start.startswith(mark):
            raise BaselineFile(f"the file {said}")
    if start.startswith(b"PAR1"):
        return Format.PARQUET
    # Of UTF-16 and UTF-32 every other byte is none.
    text = start.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return {b"[": Format.JSON, b"{": Format.NDJSON}.get(text[:1], Format.CSV)
