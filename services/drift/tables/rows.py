"""What comes out of a table."""

import codecs
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

# No label, no id and no row of features is longer; a quote that is never closed would be.
LONGEST_ROW = 1024 * 1024


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


class Reader(Protocol):
    """Reads one table. Both methods raise BrokenTable."""

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes."""

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes."""


class Text:
    """Bytes as text: UTF-8, with or without a mark at its start."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def of(self, piece: bytes, line: int, final: bool = False) -> str:
        """The text that is complete. Raises BrokenTable, blaming `line`, for bytes that are none."""
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            wide = piece[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in piece[:64]
            found = "it looks like UTF-16" if wide else f"byte 0x{error.object[error.start]:02x} is not"
            raise BrokenTable(line, f"must be UTF-8, and {found}; save it as UTF-8") from None


def too_long(line: int) -> BrokenTable:
    """A row that does not end within LONGEST_ROW characters."""
    return BrokenTable(line, f"the row that starts here is longer than {LONGEST_ROW:,} characters")
