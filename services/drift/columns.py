"""Columns out of rows: a tensor's as they are, and those of records all at once.

Reading a map of a message costs a quarter of a microsecond per value. Records of one model look alike,
though: written in the order of their names, their numbers stand at the same places of equally many bytes. So
the records of a batch are written, laid below each other, and their numbers cut out as columns; what looks
different is read by name.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.drift.rows import Floats, Row, Rows

# Records of more shapes than that are read by name, as are those of a shape that few have.
MOST_SHAPES, FEWEST = 8, 16
# Tags on the wire: an entry of TabularInput.numeric_features, and in it the key and the value.
ENTRY, KEY, VALUE = 0x0A, 0x0A, 0x11
NUMBER = 8


class Shape(NamedTuple):
    """How the numbers of a record lie in its bytes: `length` of them, a name and a place for each."""

    length: int
    names: tuple[str, ...]
    places: NDArray[np.intp]


def numbers(rows: Sequence[Rows], names: Sequence[str]) -> dict[str, Floats]:
    """The values of each numeric column, of the rows that have it, in no particular order."""
    pieces: dict[str, list[Floats]] = {name: [] for name in names}
    records: list[Row] = []
    for row in rows:
        if isinstance(row, Row):
            records.append(row)
            continue
        for name in pieces.keys() & row.numeric.keys():
            pieces[name].append(row.numeric[name])
    for name, values in _records(records, names).items():
        pieces[name].append(values)
    nothing = np.zeros(0)
    return {name: np.concatenate(found) if found else nothing for name, found in pieces.items()}


def texts(rows: Sequence[Rows], names: Sequence[str]) -> dict[str, list[str]]:
    """The values of each categorical column, of the rows that have it."""
    found: dict[str, list[str]] = {name: [] for name in names}
    takers = [(name, values.append) for name, values in found.items()]
    for row in rows:
        if isinstance(row, Row):
            get = (row.categorical if row.packed is None else row.packed.categorical_features).get
            for name, take in takers:
                if value := get(name):
                    take(value)
    return found


def _records(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Floats]:
    found: dict[str, list[Floats]] = defaultdict(list)
    maps = [row.numeric for row in rows if row.packed is None]
    left = [row.packed for row in rows if row.packed is not None]
    wires = [message.SerializeToString(deterministic=True) for message in left]
    for _ in range(MOST_SHAPES):
        shape = _shape(wires[0]) if len(wires) >= FEWEST else None
        if shape is None:
            break
        same = _cut(wires, shape, found)
        left = [message for message, alike in zip(left, same, strict=True) if not alike]
        wires = [wire for wire, alike in zip(wires, same, strict=True) if not alike]
    maps += [message.numeric_features for message in left]
    for name in names:
        found[name].append(np.array([one[name] for one in maps if name in one], dtype=np.float64))
    return {name: np.concatenate(found[name]) for name in names}


def _cut(wires: list[bytes], shape: Shape, found: dict[str, list[Floats]]) -> list[bool]:
    """Take the numbers of the records of this shape; which ones these are."""
    length = shape.length
    padded = b"".join(wire[:length].ljust(length, b"\0") for wire in wires)
    table = np.frombuffer(padded, dtype=np.uint8).reshape(-1, length)
    words = np.ones(length, dtype=bool)
    cells = shape.places[:, None] + np.arange(NUMBER)
    words[cells] = False
    same = (table[:, words] == np.frombuffer(wires[0], dtype=np.uint8, count=length)[words]).all(axis=1)
    # Another number may follow, and then it is another shape.
    same &= np.fromiter(
        (len(wire) == length or wire[length:][:1] != b"\n" for wire in wires), bool, len(wires)
    )
    values = np.ascontiguousarray(table[same][:, cells]).view("<f8")[:, :, 0]
    for index, name in enumerate(shape.names):
        found[name].append(values[:, index])
    return [bool(one) for one in same]


def _shape(wire: bytes) -> Shape | None:
    """The shape of a record; None if it has no numbers or is not written as expected."""
    at, names, places = 0, list[str](), list[int]()
    while at < len(wire) and wire[at] == ENTRY:
        size, begin = _varint(wire, at + 1)
        length, key = _varint(wire, begin + 1)
        value = key + length
        if wire[begin] != KEY or value + 1 + NUMBER != begin + size or wire[value] != VALUE:
            return None
        names.append(wire[key:value].decode())
        places.append(value + 1)
        at = begin + size
    return Shape(at, tuple(names), np.array(places)) if names else None


def _varint(wire: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it."""
    number = shift = 0
    while True:
        byte = wire[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
