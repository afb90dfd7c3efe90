"""CSV (RFC 4180): a header, then a row per record; quotes, and line ends of any system within them too."""

import csv
import io
from collections.abc import Iterator, Sequence

from services.drift.tables.rows import LONGEST_ROW, BrokenTable, Misread, Row, Text, too_long

SEPARATORS = ",;\t|"


class CsvReader:
    """Reads CSV. The separator is the one of `,`, `;`, tab and `|` that the header has most of, or told."""

    def __init__(self, separator: str = "") -> None:
        self._text = Text()
        self._rest = ""
        self._line = 1
        self._columns: list[str] = []
        self._separator = separator

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes. Raises BrokenTable."""
        self._rest += self._text.of(piece, self._line)
        # A record ends where a line does, outside quotes: after an even number of them.
        whole = _last_end(self._rest)
        complete, self._rest = self._rest[:whole], self._rest[whole:]
        if len(self._rest) > LONGEST_ROW:
            raise too_long(self._line + complete.count("\n"))
        return list(self._rows(complete))

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes. Raises BrokenTable."""
        complete = self._rest + self._text.of(b"", self._line, final=True)
        self._rest = ""
        if complete.count('"') % 2:
            raise BrokenTable(self._line, "a quote is opened in or after this line and never closed")
        found = list(self._rows(complete))
        if not self._columns:
            raise BrokenTable(1, "is empty: a header with the names of the columns is needed")
        return found

    def _rows(self, text: str) -> Iterator[Row | Misread]:
        # What is complete ends with a whole line, so the reader's count of lines is right from here on.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text and not self._separator:
            self._separator = _separator_of(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._separator or ",", strict=True)
        before = self._line - 1
        while True:
            start = before + reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield Misread(start, f"is no CSV: {error}")
                continue
            if cells is None:
                break
            if cells:
                yield from self._row(start, cells)
        self._line = before + text.count("\n") + 1

    def _row(self, line: int, cells: list[str]) -> Iterator[Row | Misread]:
        if not self._columns:
            self._columns = _header(line, cells)
        elif len(cells) != len(self._columns):
            yield Misread(line, f"has {len(cells)} cells where the header has {len(self._columns)}")
        else:
            yield Row(line, {name: cell or None for name, cell in zip(self._columns, cells, strict=True)})


def _last_end(text: str) -> int:
    """Where the last complete record ends; 0 where there is none."""
    end = text.rfind("\n") + 1
    while end and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end - 1) + 1
    return end


def _separator_of(text: str) -> str:
    header = text.partition("\n")[0]
    return max(SEPARATORS, key=header.count)


def _header(line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "" in names:
        raise BrokenTable(line, f"column {names.index('') + 1} of the header has no name")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise BrokenTable(line, f"the header has {twice[0]!r} twice")
    return names
