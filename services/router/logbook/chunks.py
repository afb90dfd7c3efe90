"""Bytes of a file, cut into chunks as they come."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

CHUNK_BYTES = 1024 * 1024


class Chunk(NamedTuple):
    """A piece of the file, and how many rows are whole by its end."""

    data: bytes
    rows: int


class Chunks:
    """What is put in comes out in pieces of `size` bytes, the last one shorter.

    >>> chunks = Chunks(size=4)
    >>> chunks.put(b"abcdef", 2)
    >>> list(chunks.full()), list(chunks.rest())
    ([Chunk(data=b'abcd', rows=0)], [Chunk(data=b'ef', rows=2)])
    """

    def __init__(self, size: int = CHUNK_BYTES) -> None:
        self._size = size
        self._held = bytearray()
        self._put = self._taken = 0
        self._rows = 0
        self._ends = deque[tuple[int, int]]()

    def put(self, data: bytes, rows: int = 0) -> None:
        """Bytes that come next; with their last one, `rows` more are whole."""
        self._held += data
        self._put += len(data)
        if rows:
            self._ends.append((self._put, rows))

    def full(self) -> Iterator[Chunk]:
        """The chunks that are full."""
        while len(self._held) >= self._size:
            yield self._take(self._size)

    def rest(self) -> Iterator[Chunk]:
        """Everything that is left."""
        yield from self.full()
        if self._held:
            yield self._take(len(self._held))

    def _take(self, size: int) -> Chunk:
        data = bytes(self._held[:size])
        del self._held[:size]
        self._taken += size
        while self._ends and self._ends[0][0] <= self._taken:
            self._rows += self._ends.popleft()[1]
        return Chunk(data, self._rows)
