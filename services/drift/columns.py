"""Columns out of rows: a tensor's as they are, those of records cut out of many at once or read by name."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from google.protobuf.message import DecodeError
from turnout.inference.v1.input_pb2 import TabularInput

from services.drift.cutting import Cut, NotRecordsError
from services.drift.misfits import take_block, take_odd
from services.drift.rows import Block, Floats, Records, Row, Rows
from services.foundation.logs import log

Numbers: TypeAlias = Mapping[str, list[Floats]]
Texts: TypeAlias = Mapping[str, Counter[str]]
Read: TypeAlias = list[TabularInput]
# Fewer records than that are read by name in less time than it takes to see what they have in common.
MANY = 160


class Columns(NamedTuple):
    """The values that rows have, by column and in no particular order: numbers, and how often each text is
    there. An empty text is none."""

    numbers: Mapping[str, Floats]
    texts: Mapping[str, Counter[str]]


class Left(NamedTuple):
    """Records of which numbers, and of which texts, are still to be read by name. cut: the others; None where
    there are none."""

    numbers: Read
    texts: Read
    cut: Cut | None = None


def columns(rows: Sequence[Rows], numbers: Sequence[str], texts: Sequence[str]) -> Columns:
    """The named columns of rows: of numbers also the texts that are some, of texts the names of numbers."""
    pieces: dict[str, list[Floats]] = {name: [] for name in numbers}
    found: dict[str, Counter[str]] = {name: Counter() for name in texts}
    packed, own, blocks = list[bytes](), list[Row](), list[Block]()
    for some in rows:
        if isinstance(some, Records):
            packed += some.packed
        elif isinstance(some, Row):
            own.append(some)
        else:
            blocks.append(some)
    left = _split(packed, pieces, found)
    number_maps = [row.numeric for row in own] + [one.numeric_features for one in left.numbers]
    text_maps = [row.categorical for row in own] + [one.categorical_features for one in left.texts]
    _read(number_maps, pieces)
    _count(text_maps, found)
    size = len(packed) + len(own)
    # Whatever is there has the kind of its feature; only where values are missing they may have another.
    some_numbers = [name for name, values in pieces.items() if sum(map(len, values)) < size]
    some_texts = [name for name, counts in found.items() if counts.total() < size]
    odd_numbers = _elsewhere(some_numbers, text_maps, left.cut.texts if left.cut else None)
    odd_texts = _elsewhere(some_texts, number_maps, left.cut.numbers if left.cut else None)
    if odd_numbers or odd_texts:
        pairs = [(row.numeric, row.categorical) for row in own]
        pairs += [(one.numeric_features, one.categorical_features) for one in _parsed(packed)]
        take_odd(
            pairs, {name: pieces[name] for name in odd_numbers}, {name: found[name] for name in odd_texts}
        )
    for block in blocks:
        take_block(block, pieces, found)
    return Columns({name: _joined(some) for name, some in pieces.items()}, found)


def _elsewhere(
    names: Sequence[str], maps: Sequence[Collection[str]], cut: Callable[[str], object] | None
) -> list[str]:
    """Those of the names that have a value of the other kind in some record."""
    found = []
    for name in names:
        try:
            there = bool(cut and cut(name)) or any(name in one for one in maps)
        except NotRecordsError:
            # Read by name, the record that is damaged costs no other.
            there = True
        if there:
            found.append(name)
    return found


def _split(records: Sequence[bytes], numbers: Numbers, texts: Texts) -> Left:
    """Cut columns out of records, if they are many; what is left of them."""
    if len(records) >= MANY:
        try:
            return _cut(records, numbers, texts)
        except NotRecordsError as damage:
            log.warning("records are read one by one", why=str(damage), records=len(records))
    read = _parsed(records)
    return Left(read, read)


def _parsed(records: Sequence[bytes]) -> Read:
    """Those that can be read."""
    found, broken = [], ""
    for one in records:
        try:
            found.append(TabularInput.FromString(one))
        except DecodeError as error:
            broken = str(error)
    if broken:
        left_out = len(records) - len(found)
        log.error("features cannot be read, and count as missing", why=broken, records=left_out)
    return found


def _cut(records: Sequence[bytes], numbers: Numbers, texts: Texts) -> Left:
    """Columns, all or none of them, cut out of records."""
    cut = Cut(records)
    read = {name: cut.numbers(name) for name in numbers}
    counted = {name: cut.texts(name) for name in texts}
    numbers_left, texts_left = [], []
    left, numbered = np.flatnonzero(~cut.worded).tolist(), cut.numbered.tolist()
    counts = cut.counts().tolist() if left else []
    for at in left:
        try:
            one = TabularInput.FromString(records[at])
        except DecodeError as damage:
            # Then all are read, so that no record counts in part.
            raise NotRecordsError(str(damage)) from damage
        texts_left.append(one)
        if not numbered[at]:
            numbers_left.append(one)
        elif counts[at] != len(one.numeric_features):
            raise NotRecordsError("a record has numbers behind its texts")
    for name, pieces in numbers.items():
        pieces.extend(read[name])
    for name, found in texts.items():
        found.update(counted[name])
    return Left(numbers_left, texts_left, cut)


def _read(maps: Sequence[Mapping[str, float]], numbers: Mapping[str, list[Floats]]) -> None:
    for name, pieces in numbers.items() if maps else ():
        pieces.append(np.array([one[name] for one in maps if name in one], dtype=np.float64))


def _count(maps: Sequence[Mapping[str, str]], texts: Mapping[str, Counter[str]]) -> None:
    for name, found in texts.items() if maps else ():
        found.update(text for one in maps if name in one and (text := one[name]))


def _joined(pieces: Sequence[Floats]) -> Floats:
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.zeros(0)
