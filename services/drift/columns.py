"""Columns out of rows: a tensor's as they are, those of records cut out of many at once or read by name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from google.protobuf.message import DecodeError
from turnout.inference.v1.input_pb2 import TabularInput

from services.drift.cutting import Cut, NotRecordsError
from services.drift.rows import Floats, Records, Row, Rows
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


def columns(rows: Sequence[Rows], numbers: Sequence[str], texts: Sequence[str]) -> Columns:
    """The named columns of rows."""
    pieces: dict[str, list[Floats]] = {name: [] for name in numbers}
    found: dict[str, Counter[str]] = {name: Counter() for name in texts}
    packed, own = list[bytes](), list[Row]()
    for some in rows:
        if isinstance(some, Records):
            packed += some.packed
        elif isinstance(some, Row):
            own.append(some)
        else:
            for name in pieces.keys() & some.numeric.keys():
                pieces[name].append(some.numeric[name])
    numbers_left, texts_left = _split(packed, pieces, found)
    _read([row.numeric for row in own] + [one.numeric_features for one in numbers_left], pieces)
    _count([row.categorical for row in own] + [one.categorical_features for one in texts_left], found)
    return Columns({name: _joined(some) for name, some in pieces.items()}, found)


def _split(records: Sequence[bytes], numbers: Numbers, texts: Texts) -> tuple[Read, Read]:
    """Cut columns out of records, if they are many; those whose numbers, and those whose texts are still to
    be read."""
    if len(records) >= MANY:
        try:
            return _cut(records, numbers, texts)
        except NotRecordsError as damage:
            log.warning("records are read one by one", why=str(damage), records=len(records))
    read = _parsed(records)
    return read, read


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


def _cut(records: Sequence[bytes], numbers: Numbers, texts: Texts) -> tuple[Read, Read]:
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
    return numbers_left, texts_left


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
