"""NDJSON: a JSON object a line; empty lines are nothing."""

import json
from collections.abc import Iterator, Sequence

from services.drift.tables.rows import LONGEST_ROW, Faults, Mark, Misread, Row, Text, object_of, too_long


class NdjsonReader:
    """Reads NDJSON."""

    def __init__(self, encoding: str = "utf-8", after: Mark | None = None) -> None:
        self._text = Text(encoding, after)
        self._faults = Faults()
        self._rest = ""
        self._line = after.line if after else 1

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes. Raises BrokenTable."""
        self._faults.settle()
        *lines, self._rest = (self._rest + self._text.of(piece, self._line)).split("\n")
        return self._faults.gather(self._rows(lines))

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes. Raises BrokenTable."""
        self._faults.settle()
        rest = self._rest + self._text.of(b"", self._line, final=True)
        self._rest = ""
        return list(self._rows([rest]))

    def mark(self) -> Mark:
        """Where it is."""
        return Mark(self._text.held(self._rest), self._line, self._text.codec)

    def _rows(self, lines: Sequence[str]) -> Iterator[Row | Misread]:
        first, self._line = self._line, self._line + len(lines)
        for index, line in enumerate(lines):
            if line and not line.isspace():
                yield row_of(first + index, line)
        if len(self._rest) > LONGEST_ROW:
            raise too_long(self._line)


def row_of(line: int, text: str) -> Row | Misread:
    """One object as a row."""
    if len(text) > LONGEST_ROW:
        return Misread(line, f"is longer than {LONGEST_ROW:,} characters")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Misread(line, f"is no JSON: {error}")
    if not isinstance(values, dict):
        return Misread(line, f"must be an object, got {text.strip()[:40]}")
    return object_of(line, values, "\\u" in text)
