"""JSON: one array of objects, of any size, read object by object."""

import json
import re
from collections.abc import Iterator, Sequence

from services.drift.tables.rows import (
    LONGEST_ROW,
    BrokenTable,
    Faults,
    Mark,
    Misread,
    Row,
    Text,
    object_of,
    too_long,
)

# "false", "-Infinity" and the longest escape: what a cut can make look wrong before its end.
LONGEST_TOKEN = 12
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonReader:
    """Reads an array of objects. After the first fault nothing can be read, as nobody knows where the next
    object begins; an item that is no object is a Misread of its own."""

    def __init__(self, encoding: str = "utf-8", after: Mark | None = None) -> None:
        self._text = Text(encoding, after)
        self._faults = Faults()
        self._decoder = json.JSONDecoder()
        self._rest = ""
        # How much of the rest is read: cutting it off at each item would copy it as often.
        self._at = 0
        self._line = after.line if after else 1
        # What may come next: "[", an item or "]" after it, an item after a comma, "," or "]", or nothing.
        self._next: str = after.known["next"] if after else "["
        # How much must have come before another try: trying at every piece would take the square of the time.
        self._wait = 0

    def feed(self, piece: bytes) -> Sequence[Row | Misread]:
        """The rows that this piece completes. Raises BrokenTable."""
        self._faults.settle()
        self._rest += self._text.of(piece, self._line)
        if len(self._rest) < self._wait:
            return []
        found = self._faults.gather(self._items())
        self._wait = min(2 * len(self._rest), LONGEST_ROW + 1)
        return found

    def end(self) -> Sequence[Row | Misread]:
        """The rows that the end completes. Raises BrokenTable."""
        self._faults.settle()
        self._rest += self._text.of(b"", self._line, final=True)
        found = self._faults.gather(self._items())
        self._faults.settle()
        if self._rest or self._next:
            raise BrokenTable(self._line, "the array is cut off: it does not end with ]")
        return found

    def mark(self) -> Mark:
        """Where it is."""
        return Mark(self._text.held(self._rest), self._line, self._text.codec, {"next": self._next})

    def _items(self) -> Iterator[Row | Misread]:
        try:
            while self._skip():
                if self._next in ("[", ",]"):
                    self._take_mark()
                elif self._next == "":
                    raise BrokenTable(self._line, "something follows the end of the array")
                elif self._next == "item]" and self._rest[self._at] == "]":
                    self._advance(self._at + 1, "")
                else:
                    item = self._item()
                    if item is None:
                        break
                    yield item
        finally:
            self._rest, self._at = self._rest[self._at :], 0
        if len(self._rest) > LONGEST_ROW:
            raise too_long(self._line)

    def _skip(self) -> bool:
        """Drop the space before what comes next; whether there is anything."""
        space = _SPACE.match(self._rest, self._at)
        if space:
            self._advance(space.end(), self._next)
        return self._at < len(self._rest)

    def _take_mark(self) -> None:
        mark = self._rest[self._at]
        if mark not in self._next:
            wanted = " or ".join(self._next)
            raise BrokenTable(self._line, f"is no JSON array of objects: {wanted} expected, got {mark!r}")
        self._advance(self._at + 1, {"[": "item]", ",": "item", "]": ""}[mark])

    def _item(self) -> Row | Misread | None:
        """The next item; None where it is not complete."""
        first = self._rest[self._at]
        if first not in '{["-0123456789tfn':
            said = f"a value expected, got {self._rest[self._at : self._at + 20]!r}"
            raise BrokenTable(self._line, f"is no JSON: {said}")
        try:
            value, end = self._decoder.raw_decode(self._rest, self._at)
        except json.JSONDecodeError as error:
            # A string that does not end, or a fault at the very end, may be mended by the next piece.
            if error.msg.startswith("Unterminated string") or error.pos >= len(self._rest) - LONGEST_TOKEN:
                return None
            line = self._line + self._rest.count("\n", self._at, error.pos)
            found = self._rest[error.pos : error.pos + 20]
            raise BrokenTable(line, f"is no JSON: {error.msg}, at {found!r}") from None
        except RecursionError:
            raise BrokenTable(self._line, "is nested too deeply") from None
        # A number or a word at the end may go on in the next piece.
        if end == len(self._rest) and first not in '{["':
            return None
        line, escaped = self._line, self._rest.find("\\u", self._at, end) >= 0
        self._advance(end, ",]")
        if isinstance(value, dict):
            return object_of(line, value, escaped)
        return Misread(line, f"must be an object, got {json.dumps(value)[:40]}")

    def _advance(self, to: int, after: str) -> None:
        self._line += self._rest.count("\n", self._at, to)
        self._at, self._next = to, after
