"""Columns cut out of many records at once.

To read a map of a message costs a fifth to a third of a microsecond per value. So the bytes of a batch's
records are laid one after the other, as they came. Records of one model look alike: in those of one shape,
numbers stand at the same places of equally many bytes, and are taken where they stand. What is left of them,
and the others, are walked all at once: each round takes one column of every record that goes on with it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from turnout.inference.v1.input_pb2 import TabularInput

from services.drift.rows import Floats
from services.drift.shapes import (
    ENTRY,
    LONG,
    NUMBER,
    NUMBER_VALUE,
    TEXT_ENTRY,
    WORD,
    Entry,
    Shape,
    entry_of,
    order_of,
    shape_of,
)

Places = NDArray[np.intp]
# Shapes that are looked for, and how many records are to be left for another one.
MOST_SHAPES, ALIKE = 4, 128
# A walk of fewer records takes longer than to read them by name.
FEWEST = 16
# How often the walk looks at each record in vain: records that share no names would take a round each.
MOST_IDLE = 32
# Records that tell whether the same names come in the same order.
SAMPLE = 4
# The tag of the names that may follow, and how many of them are gone over.
MISSING, MOST_MISSING = 0x1A, 64
NOTHING = np.zeros(0)
# By the first two bytes, tag and size: an entry of less than 128 bytes, whose size is one byte.
SHORT_ENTRY = np.zeros(1 << 16, dtype=bool)
SHORT_ENTRY.reshape(256, 256)[:LONG, [ENTRY, TEXT_ENTRY]] = True
# The bits of a word's first two bytes, and how many they are.
HEAD, PAST = np.uint64(0xFFFF), np.uint64(16)
# The bytes that a text of each length takes of a word, whose last byte is for the length.
MASKS, TOP = np.array([(1 << 8 * length) - 1 for length in range(WORD)], dtype=np.uint64), np.uint64(56)


class NotRecordsError(ValueError):
    """Bytes that nobody writes who writes records."""


class Piece(NamedTuple):
    """What some records have of one column: numbers, or where each text begins and how long it is."""

    records: Places
    values: Floats
    begins: Places
    lengths: Places


class Cut:
    """Records as columns, out of the bytes of a TabularInput each. `numbered` says of which of them all
    numbers were cut, `worded` of which all texts; those of the others are to be read by name.

    Raises NotRecordsError where some are no such bytes, as far as it sees them: `numbers` and `texts` do too.
    """

    def __init__(self, records: Sequence[bytes]) -> None:
        wires = _ordered(records) if _differ(records) else records
        lengths = np.fromiter(map(len, wires), np.intp, len(wires))
        self._ends = np.cumsum(lengths)
        self._at = self._ends - lengths
        # Beyond the last record there is as much as may be looked at from its end.
        self._bytes = b"".join([*wires, bytes(int(lengths.max(initial=0)) + 2 * LONG)])
        self._numbers: dict[str, list[Piece]] = defaultdict(list)
        self._texts: dict[str, list[Piece]] = defaultdict(list)
        self._view = np.frombuffer(self._bytes, dtype=np.uint8)
        try:
            self._take_shapes()
            self._walk()
        except (IndexError, UnicodeDecodeError) as damage:
            raise NotRecordsError(str(damage)) from damage
        self._pass_missing()
        tags = self._view[self._at]
        self.worded = self._at == self._ends
        self.numbered = self.worded | (tags == TEXT_ENTRY)

    def numbers(self, name: str) -> list[Floats]:
        """The numbers of a column."""
        found = [one.values for one in self._numbers.get(name, [])]
        if not self.numbered.all():
            pieces = zip(found, self._numbers.get(name, []), strict=True)
            found = [values[self.numbered[one.records]] for values, one in pieces]
        self._once(name, self._numbers.get(name, []))
        return found

    def texts(self, name: str) -> Counter[str]:
        """The texts of a column, and how often each of them is there."""
        total: Counter[str] = Counter()
        for one in self._texts.get(name, []):
            kept = self.worded[one.records]
            try:
                self._count(one.begins[kept], one.lengths[kept], total)
            except UnicodeDecodeError as damage:
                raise NotRecordsError(str(damage)) from damage
        self._once(name, self._texts.get(name, []))
        # An empty text is none.
        total.pop("", None)
        return total

    def counts(self) -> NDArray[np.intp]:
        """How many numbers were cut out of each record."""
        pieces = [one.records for some in self._numbers.values() for one in some]
        return np.bincount(np.concatenate([*pieces, np.zeros(0, np.intp)]), minlength=len(self._at))

    def _once(self, name: str, pieces: Sequence[Piece]) -> None:
        # A piece has each record once.
        if len(pieces) > 1 and np.bincount(np.concatenate([one.records for one in pieces])).max() > 1:
            raise NotRecordsError(f"a record has {name!r} twice")

    def _count(self, begins: Places, lengths: Places, total: Counter[str]) -> None:
        short = lengths < WORD
        if not short.all():
            spans = zip(begins[~short].tolist(), (begins + lengths)[~short].tolist(), strict=True)
            total.update([self._bytes[begin:end].decode() for begin, end in spans])
            begins, lengths = begins[short], lengths[short]
        # Short ones as integers with their length on top: it takes a fifth of the time.
        sizes = lengths.astype(np.uint64)
        words = self._chunks(begins, WORD).view("<u8") & MASKS[sizes] | sizes << TOP
        found, counts = np.unique(words, return_counts=True)
        for word, count in zip(found.tolist(), counts.tolist(), strict=True):
            text = word.to_bytes(WORD, "little")
            total[text[: text[-1]].decode()] += count

    def _take_shapes(self) -> None:
        left = np.arange(len(self._at))
        for _ in range(MOST_SHAPES):
            if len(left) < ALIKE:
                return
            first = left[0]
            shape = shape_of(self._bytes[self._at[first] : self._ends[first]])
            if shape is None:
                return
            # Only such as have the bytes: a long shape would copy what follows each of the others.
            same = self._ends[left] - self._at[left] >= shape.length
            same[same] = self._take(left[same], shape)
            left = left[~same]

    def _take(self, records: Places, shape: Shape) -> NDArray[np.bool_]:
        """The numbers of those of the records that have a shape, and which they are. Where another number
        follows, the walk takes it."""
        alike, values = np.empty(len(records), dtype=bool), np.empty((len(shape.names), len(records)))
        end = 0
        for start in range(0, len(records), shape.block):
            some = self._chunks(self._at[records[start : start + shape.block]], shape.width)
            alike[start : start + shape.block] = begins = shape.begins(some)
            chunks = some if begins.all() else some[begins]
            if not len(chunks):
                continue
            begin, end = end, end + len(chunks)
            for column, place in zip(values, shape.places, strict=True):
                column[begin:end] = np.ndarray(len(chunks), "<f8", chunks, place, chunks.strides)
        found = records[alike]
        for name, column in zip(shape.names, values, strict=True):
            self._numbers[name].append(Piece(found, column[:end], found, found))
        self._at[found] += shape.length
        return alike

    def _walk(self) -> None:
        going, idle = np.arange(len(self._at)), MOST_IDLE * len(self._at)
        while idle >= 0:
            at = self._at[going]
            rest = self._ends[going] - at
            words = self._chunks(at, WORD).view("<u8")
            short = SHORT_ENTRY[words & HEAD] & (rest > 0)
            if not short.all():
                going, at, rest, words = going[short], at[short], rest[short], words[short]
            if len(going) < FEWEST:
                return
            # The one with the most to come: names are in order, and others may lack the next ones.
            entry = entry_of(self._bytes, int(at[rest.argmax()]))
            if entry is None:
                return
            if len(entry.head) <= WORD - 2:
                matching = words >> PAST & MASKS[len(entry.head)] == int.from_bytes(entry.head, "little")
            else:
                matching = self._chunks(at + 2, len(entry.head)) == np.void(entry.head)
            if matching.all():
                self._take_entry(going, at, entry)
            else:
                self._take_entry(going[matching], at[matching], entry)
                idle -= int((~matching).sum())

    def _pass_missing(self) -> None:
        """Go over the names of what is missing, which come last; what comes behind them is read by name."""
        going = np.flatnonzero(self._at < self._ends)
        for _ in range(MOST_MISSING):
            sizes = self._view[self._at[going] + 1]
            names = (self._view[self._at[going]] == MISSING) & (sizes < LONG)
            going = going[names]
            if not len(going):
                return
            self._at[going] += 2 + sizes[names].astype(np.intp)
            going = going[self._at[going] < self._ends[going]]

    def _take_entry(self, records: Places, at: Places, entry: Entry) -> None:
        """What follows the same head in each of the records."""
        begins, sizes = at + 2 + len(entry.head), self._view[at + 1].astype(np.intp)
        if entry.head[-1] == NUMBER_VALUE:
            values = self._chunks(begins, NUMBER).view("<f8")
            self._numbers[entry.name].append(Piece(records, values, begins, sizes))
        else:
            self._texts[entry.name].append(Piece(records, NOTHING, begins + 1, sizes - len(entry.head) - 1))
        self._at[records] = at + 2 + sizes

    def _chunks(self, begins: Places, length: int) -> NDArray[Any]:
        """So many bytes from each of the places."""
        every = np.ndarray(len(self._bytes) - length + 1, f"V{length}", self._bytes, strides=(1,))
        return every[begins]


def _differ(records: Sequence[bytes]) -> bool:
    """Whether the names of the records come in several orders: each writer has its own, or none."""
    try:
        first, *others = map(order_of, records[:: -(-len(records) // SAMPLE) or 1])
    except IndexError as damage:
        raise NotRecordsError(str(damage)) from damage
    places = {name: place for place, name in enumerate(first)}
    for one in others:
        common = [places[name] for name in one if name in places]
        if common != sorted(common):
            return True
    return False


def _ordered(records: Sequence[bytes]) -> list[bytes]:
    """The same in one order. It takes several times as long as all the rest."""
    try:
        return [TabularInput.FromString(one).SerializeToString(deterministic=True) for one in records]
    except DecodeError as damage:
        raise NotRecordsError(str(damage)) from damage
