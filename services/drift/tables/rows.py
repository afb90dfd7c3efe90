"""What comes out of a table, and where its reader is between two rows."""

import codecs
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

# No label, no id and no row of features is longer; a quote that is never closed would be.
LONGEST_ROW = 1024 * 1024

# By the names that people may write, as Python calls them; UTF-8 may begin with a mark.
ENCODINGS: Mapping[str, str] = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
}
_GZIP = b"\x1f\x8b"
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Row(NamedTuple):
    """A row: the line that it starts at, from 1, and its values by column. Texts of CSV stay texts; an empty
    cell is None."""

    line: int
    values: Mapping[str, Any]


class Misread(NamedTuple):
    """A row that cannot be read: its line, from 1, and why in words."""

    line: int
    why: str


class BrokenTable(ValueError):
    """Nothing from this line on can be read; `why` says so without the line."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two rows. held: bytes that were given and belong to rows after it; line: the next one,
    from 1; codec: what bytes are read with from there on; known: what a reader of the format has to know to
    go on, fit for JSON."""

    held: int
    line: int
    codec: str
    known: Mapping[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Reads one table. Rows before a fault are given first, and the fault is raised by the call after."""

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes. Raises BrokenTable."""

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes. Raises BrokenTable."""

    def mark(self) -> Mark:
        """Where it is, behind the rows that it gave. A reader that is made `after` it goes on from there."""


class Text:
    """Bytes as text, in one of ENCODINGS, or in the codec of a mark."""

    def __init__(self, encoding: str = "utf-8", after: Mark | None = None) -> None:
        self._named = encoding
        self._codec = after.codec if after else ENCODINGS[encoding]
        self._waiting = b""
        self._decoder = codecs.getincrementaldecoder(self._codec)()

    def of(self, piece: bytes, line: int, final: bool = False) -> str:
        """The text that is complete. Raises BrokenTable, blaming `line`, for bytes that are none."""
        if self._codec == "utf-16":
            piece, self._waiting = self._waiting + piece, b""
            if len(piece) < 2 and not final:
                self._waiting = piece
                return ""
            piece = self._begin(piece)
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise BrokenTable(line, self._fault(piece, error)) from None

    def held(self, rest: str) -> int:
        """Bytes that are given and not read: those of `rest`, and of a character that is not complete."""
        pending: bytes = self._decoder.getstate()[0]
        return (len(rest.encode(self.codec)) if rest else 0) + len(pending) + len(self._waiting)

    @property
    def codec(self) -> str:
        """What the bytes that come next are read with."""
        begun = self._codec == "utf-8-sig" and not self._decoder.getstate()[1]
        return "utf-8" if begun else self._codec

    def _begin(self, piece: bytes) -> bytes:
        """Tell the byte order by the mark, without which it is that of most machines, and take it off."""
        found = _MARKS.get(piece[:2])
        self._codec = found or "utf-16-le"
        self._decoder = codecs.getincrementaldecoder(self._codec)()
        return piece[2:] if found else piece

    def _fault(self, piece: bytes, error: UnicodeDecodeError) -> str:
        wide = self._named == "utf-8" and (piece[:2] in _MARKS or b"\x00" in piece[:64])
        if error.object.startswith(_GZIP):
            return "is compressed by gzip: decompress it first"
        found = "it looks like UTF-16" if wide else f"byte 0x{error.object[error.start]:02x} is not"
        return f"must be {self._named.upper()}, and {found}; save it as UTF-8, or name its encoding"


class Faults:
    """Keeps a fault until the rows before it are given."""

    def __init__(self) -> None:
        self._kept: BrokenTable | None = None

    def gather(self, rows: Iterable[Row | Misread]) -> list[Row | Misread]:
        """What can be read. Raises BrokenTable where that is nothing, or the call after."""
        self.settle()
        found: list[Row | Misread] = []
        try:
            for one in rows:
                found.append(one)  # noqa: PERF402 (those before the fault are kept)
        except BrokenTable as broken:
            if not found:
                raise
            self._kept = broken
        return found

    def settle(self) -> None:
        """Raise the fault that is kept, if there is one."""
        if self._kept:
            raise self._kept


def too_long(line: int) -> BrokenTable:
    """A row that does not end within LONGEST_ROW characters."""
    return BrokenTable(line, f"the row that starts here is longer than {LONGEST_ROW:,} characters")


def object_of(line: int, values: Mapping[str, Any], escaped: bool) -> Row | Misread:
    """An object of JSON as a row. escaped: whether it may have characters by their numbers, of which some
    name half of one."""
    if escaped:
        try:
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = ord(error.object[error.start])
            return Misread(line, f"has half of a character, \\u{half:04x}, which no text can have")
    return Row(line, values)
