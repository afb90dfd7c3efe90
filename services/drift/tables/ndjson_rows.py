"""NDJSON: a JSON object a line; empty lines are nothing."""

import json
from collections.abc import Sequence

from services.drift.tables.rows import LONGEST_ROW, Misread, Row, Text, too_long


class NdjsonReader:
    """Reads NDJSON."""

    def __init__(self) -> None:
        self._text = Text()
        self._rest = ""
        self._line = 1

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes. Raises BrokenTable."""
        *lines, self._rest = (self._rest + self._text.of(piece, self._line)).split("\n")
        found = self._rows(lines)
        if len(self._rest) > LONGEST_ROW:
            raise too_long(self._line)
        return found

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes. Raises BrokenTable."""
        rest = self._rest + self._text.of(b"", self._line, final=True)
        self._rest = ""
        return self._rows([rest])

    def _rows(self, lines: Sequence[str]) -> list[Row | Misread]:
        found = [
            row_of(self._line + index, line)
            for index, line in enumerate(lines)
            if line and not line.isspace()
        ]
        self._line += len(lines)
        return found


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
    return Row(line, values)
