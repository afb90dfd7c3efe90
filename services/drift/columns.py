"""Columns out of rows: a tensor's as they are, those of records cut out of many at once or read by name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from turnout.inference.v1.input_pb2 import TabularInput

from services.drift.cutting import Cut
from services.drift.rows import Block, Floats, Row

# Fewer records than that are read by name in less time than it takes to see what they have in common.
MANY = 300


class Columns(NamedTuple):
    """The values that rows have, by column and in no particular order: numbers, and how often each text is
    there. An empty text is none."""

    numbers: Mapping[str, Floats]
    texts: Mapping[str, Counter[str]]


def columns(
    records: Sequence[Row], blocks: Sequence[Block], numbers: Sequence[str], texts: Sequence[str]
) -> Columns:
    """The named columns of single rows and of tensors."""
    pieces: dict[str, list[Floats]] = {name: [] for name in numbers}
    found: dict[str, Counter[str]] = {name: Counter() for name in texts}
    for block in blocks:
        for name in pieces.keys() & block.numeric.keys():
            pieces[name].append(block.numeric[name])
    packed = [row.packed for row in records if row.packed is not None]
    own = [row for row in records if row.packed is None] if len(packed) < len(records) else []
    numbers_left = texts_left = packed
    if len(packed) >= MANY:
        numbers_left, texts_left = _cut(packed, pieces, found)
    _read([row.numeric for row in own] + [one.numeric_features for one in numbers_left], pieces)
    _count([row.categorical for row in own] + [one.categorical_features for one in texts_left], found)
    return Columns({name: _joined(some) for name, some in pieces.items()}, found)


def _cut(
    records: Sequence[TabularInput], numbers: Mapping[str, list[Floats]], texts: Mapping[str, Counter[str]]
) -> tuple[list[TabularInput], list[TabularInput]]:
    """Cut columns out of records; those whose numbers, and those whose texts are still to be read."""
    cut = Cut(records)
    for name, pieces in numbers.items():
        pieces.extend(cut.numbers(name))
    for name, found in texts.items():
        found.update(cut.texts(name))
    left = (np.flatnonzero(~done).tolist() for done in (cut.numbered, cut.worded))
    numbers_left, texts_left = ([records[index] for index in some] for some in left)
    return numbers_left, texts_left


def _read(maps: Sequence[Mapping[str, float]], numbers: Mapping[str, list[Floats]]) -> None:
    for name, pieces in numbers.items() if maps else ():
        pieces.append(np.array([one[name] for one in maps if name in one], dtype=np.float64))


def _count(maps: Sequence[Mapping[str, str]], texts: Mapping[str, Counter[str]]) -> None:
    for name, found in texts.items() if maps else ():
        found.update(text for one in maps if name in one and (text := one[name]))


def _joined(pieces: Sequence[Floats]) -> Floats:
    return np.concatenate(pieces) if pieces else np.zeros(0)
