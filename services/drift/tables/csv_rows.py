"""CSV (RFC 4180): a header, then a row per record; quotes, and line ends of any system within them too."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from services.drift.tables.rows import LONGEST_ROW, BrokenTable, Faults, Mark, Misread, Row, Text, too_long

SEPARATORS = ",;\t|"
# What the csv module says of a record that goes on beyond what it was given, and of a cell that has no end.
_UNENDED, _ENDLESS = "unexpected end of data", "field larger"


class CsvReader:
    """Reads CSV. The separator is the one of `,`, `;`, tab and `|` that the header has most of, unless it is
    told."""

    def __init__(self, separator: str = "", encoding: str = "utf-8", after: Mark | None = None) -> None:
        known = after.known if after else {}
        self._text = Text(encoding, after)
        self._faults = Faults()
        self._rest = ""
        self._line = after.line if after else 1
        self._columns: list[str] = list(known.get("columns", ()))
        self._separator: str = known.get("separator", separator)
        # How much must have come before another try: a long record would be read again with every piece.
        self._wait = 0

    @property
    def columns(self) -> Sequence[str]:
        """Names of the header; empty until it has come."""
        return self._columns

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes. Raises BrokenTable."""
        self._faults.settle()
        self._rest += self._text.of(piece, self._line)
        if len(self._rest) < self._wait:
            return []
        found = self._faults.gather(self._rows(final=False))
        self._wait = min(2 * len(self._rest), LONGEST_ROW + 1)
        return found

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes. Raises BrokenTable."""
        self._faults.settle()
        self._rest += self._text.of(b"", self._line, final=True)
        found = self._faults.gather(self._rows(final=True))
        self._faults.settle()
        if not self._columns:
            raise BrokenTable(1, "is empty: a header with the names of the columns is needed")
        return found

    def mark(self) -> Mark:
        """Where it is. Before the header has come, at the start."""
        known = {"columns": list(self._columns), "separator": self._separator}
        return Mark(self._text.held(self._rest), self._line, self._text.codec, known)

    def _rows(self, *, final: bool) -> Iterator[Row | Misread]:
        # Lines with their ends, which may be of any system.
        lines, held = list(io.StringIO(self._rest, newline="")), ""
        # What has no end yet goes on; and behind \r may be the \n that belongs to it.
        if lines and not final and not lines[-1].endswith("\n"):
            held = lines.pop()
        self._separator = self._separator or _separator_of(lines)
        reader = csv.reader(map(_plain, lines), delimiter=self._separator or ",", strict=True)
        first, done = self._line, 0
        try:
            while done < len(lines):
                start = first + done
                found = _next(reader, start, final=final)
                if found is None:
                    break
                done = reader.line_num
                if isinstance(found, Misread):
                    yield found
                elif found:
                    yield from self._row(start, found)
        finally:
            self._line, self._rest = first + done, "".join(lines[done:]) + held
        if len(self._rest) > LONGEST_ROW:
            raise too_long(self._line)

    def _row(self, line: int, cells: list[str]) -> Iterator[Row | Misread]:
        if not self._columns:
            self._columns = _header(line, cells)
        elif len(cells) != len(self._columns):
            yield Misread(line, f"has {len(cells)} cells where the header has {len(self._columns)}")
        else:
            yield Row(line, {name: cell or None for name, cell in zip(self._columns, cells, strict=True)})


def _next(reader: Iterator[list[str]], line: int, *, final: bool) -> list[str] | Misread | None:
    """The cells of the next record, or what is wrong with it; None where it is not complete."""
    try:
        return next(reader)
    except csv.Error as error:
        unended = str(error).startswith(_UNENDED)
        if unended and not final:
            return None
        if unended or str(error).startswith(_ENDLESS):
            said = "a quote is opened in or after this line and never closed"
            raise BrokenTable(line, said) from None
        return Misread(line, f"is no CSV: {error}")


def _plain(line: str) -> str:
    """The line with an end that is the same within a cell on every system."""
    return line[:-2] + "\n" if line.endswith("\r\n") else line[:-1] + "\n" if line.endswith("\r") else line


def _separator_of(lines: Sequence[str]) -> str:
    header = next((line for line in lines if not line.isspace()), "")
    return max(SEPARATORS, key=header.count) if header else ""


def _header(line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "" in names:
        raise BrokenTable(line, f"column {names.index('') + 1} of the header has no name")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise BrokenTable(line, f"the header has {name!r} twice")
    return names
