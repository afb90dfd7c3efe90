"""How a record lies in its bytes, as protobuf writes maps: an entry has its key, and then its value."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Tags on the wire: entries of TabularInput's two maps, and in an entry its key and its value.
ENTRY, TEXT_ENTRY = 0x0A, 0x12
KEY, NUMBER_VALUE, TEXT_VALUE = 0x0A, 0x11, 0x12
# What is compared with a shape at a time: so many bytes, which stay in the processor's cache, and records.
COMPARED, MOST_COMPARED = 96 * 1024, 256
# A size from which on it takes more than one byte.
LONG = 0x80
NUMBER = WORD = 8
# Bits of the longest one, seven in a byte.
LONGEST_VARINT = 70


class Entry(NamedTuple):
    """An entry of less than 128 bytes. head: from the key's tag to the value's."""

    head: bytes
    name: str


class Shape(NamedTuple):
    """How the numbers of a record lie in its bytes: `length` of them, a name and a place for each.

    width: how many bytes are compared with its own: some more than `length`, to whole words. block: how many
    records are compared at a time. words: its bytes without the numbers, eight at a time, as many times over.
    mask: the bits that they have of a record's.
    """

    length: int
    names: tuple[str, ...]
    places: tuple[int, ...]
    width: int
    block: int
    words: NDArray[np.uint64]
    mask: NDArray[np.uint64]

    def begins(self, chunks: NDArray[np.void]) -> NDArray[np.bool_]:
        """Which of the records begin as it does. chunks: `width` bytes of at most `block` of them."""
        words = chunks.view("<u8")
        differ = words & self.mask[: len(words)] != self.words[: len(words)]
        if not differ.any():
            return np.ones(len(chunks), dtype=bool)
        alike: NDArray[np.bool_] = ~differ.reshape(len(chunks), -1).any(axis=1)
        return alike


def entry_of(wire: bytes, at: int) -> Entry | None:
    """The entry at a place; None if it is not written as expected."""
    size, length = wire[at + 1], wire[at + 3]
    value = at + 4 + length
    beside = size - length - 3
    fits = {
        NUMBER_VALUE: beside == NUMBER,
        TEXT_VALUE: beside == 1 + wire[value + 1],
    }.get(wire[value], False)
    if wire[at + 2] != KEY or not fits:
        return None
    return Entry(wire[at + 2 : value + 1], wire[at + 4 : value].decode())


def shape_of(wire: bytes) -> Shape | None:
    """The shape of a record; None if it has no numbers, one twice, or is not written as expected."""
    at, names, places = 0, list[str](), list[int]()
    while at < len(wire) and wire[at] == ENTRY:
        size, begin = _varint(wire, at + 1)
        length, key = _varint(wire, begin + 1)
        value = key + length
        if wire[begin] != KEY or value + 1 + NUMBER != begin + size or wire[value] != NUMBER_VALUE:
            return None
        names.append(wire[key:value].decode())
        places.append(value + 1)
        at = begin + size
    if not names or len(set(names)) < len(names):
        return None
    width = -(-at // WORD) * WORD
    kept = np.arange(width) < at
    kept[np.add.outer(places, range(NUMBER))] = False
    mask = np.where(kept, np.uint8(0xFF), np.uint8(0)).view("<u8")
    words = np.frombuffer(wire[:at].ljust(width, b"\0"), "<u8") & mask
    block = min(max(COMPARED // width, 1), MOST_COMPARED)
    return Shape(at, tuple(names), tuple(places), width, block, np.tile(words, block), np.tile(mask, block))


def order_of(wire: bytes) -> list[bytes]:
    """The names of a record in their order, each behind its map's tag; up to the first that is not written as
    expected."""
    at, found = 0, list[bytes]()
    while at < len(wire) and wire[at] in (ENTRY, TEXT_ENTRY):
        size, begin = _varint(wire, at + 1)
        if size == 0 or wire[begin] != KEY:
            break
        length, key = _varint(wire, begin + 1)
        found.append(wire[at : at + 1] + wire[key : key + length])
        at = begin + size
    return found


def _varint(wire: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it."""
    number = shift = 0
    while shift < LONGEST_VARINT:
        byte = wire[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise IndexError("a number without an end")
