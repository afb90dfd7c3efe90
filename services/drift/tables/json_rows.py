"""JSON: one array of objects, of any size, read object by object."""

import json
from collections.abc import Iterator, Sequence

from services.drift.tables.rows import LONGEST_ROW, BrokenTable, Misread, Row, Text, too_long

# "false", "-Infinity" and the longest escape: what a cut can make look wrong before its end.
LONGEST_TOKEN = 12
_SPACE = " \t\r\n"


class JsonReader:
    """Reads an array of objects. After the first fault nothing can be read, as nobody knows where the next
    object begins; an item that is no object is a Misread of its own."""

    def __init__(self) -> None:
        self._text = Text()
        self._decoder = json.JSONDecoder()
        self._rest = ""
        self._line = 1
        # What may come next: "[", an item or "]" after it, an item after a comma, "," or "]", or nothing.
        self._next = "["
        # How much must have come before another try: trying at every piece would take the square of the time.
        self._wait = 0

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes. Raises BrokenTable."""
        self._rest += self._text.of(piece, self._line)
        if len(self._rest) < self._wait:
            return []
        found = list(self._items())
        if len(self._rest) > LONGEST_ROW:
            raise too_long(self._line)
        self._wait = 2 * len(self._rest)
        return found

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes. Raises BrokenTable."""
        self._rest += self._text.of(b"", self._line, final=True)
        found = list(self._items())
        if self._rest or self._next:
            raise BrokenTable(self._line, "the array is cut off: it does not end with ]")
        return found

    def _items(self) -> Iterator[Row | Misread]:
        while self._skip():
            if self._next in ("[", ",]"):
                self._take_mark()
            elif self._next == "":
                raise BrokenTable(self._line, "something follows the end of the array")
            elif self._next == "item]" and self._rest[0] == "]":
                self._advance(1, "")
            else:
                item = self._item()
                if item is None:
                    return
                yield item

    def _skip(self) -> bool:
        """Drop the space before what comes next; whether there is anything."""
        spaces = len(self._rest) - len(self._rest.lstrip(_SPACE))
        self._advance(spaces, self._next)
        return bool(self._rest)

    def _take_mark(self) -> None:
        mark = self._rest[0]
        if mark not in self._next:
            wanted = " or ".join(self._next)
            raise BrokenTable(self._line, f"is no JSON array of objects: {wanted} expected, got {mark!r}")
        self._advance(1, {"[": "item]", ",": "item", "]": ""}[mark])

    def _item(self) -> Row | Misread | None:
        """The next item; None where it is not complete."""
        if self._rest[0] not in '{["-0123456789tfn':
            raise BrokenTable(self._line, f"is no JSON: a value expected, got {self._rest[:20]!r}")
        try:
            value, end = self._decoder.raw_decode(self._rest)
        except json.JSONDecodeError as error:
            # A string that does not end, or a fault at the very end, may be mended by the next piece.
            if error.msg.startswith("Unterminated string") or error.pos >= len(self._rest) - LONGEST_TOKEN:
                return None
            line = self._line + error.lineno - 1
            raise BrokenTable(line, f"is no JSON: {error.msg}, at {error.doc[error.pos :][:20]!r}") from None
        except RecursionError:
            raise BrokenTable(self._line, "is nested too deeply") from None
        # A number or a word at the end may go on in the next piece.
        if end == len(self._rest) and self._rest[0] not in '{["':
            return None
        line = self._line
        self._advance(end, ",]")
        if isinstance(value, dict):
            return Row(line, value)
        return Misread(line, f"must be an object, got {json.dumps(value)[:40]}")

    def _advance(self, characters: int, after: str) -> None:
        self._line += self._rest.count("\n", 0, characters)
        self._rest, self._next = self._rest[characters:], after
