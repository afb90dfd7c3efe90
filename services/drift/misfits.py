"""Values of another kind than their feature has: texts that are numbers, and numbers that are names."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from services.drift.cells.singles import as_meant
from services.drift.rows import Block, Floats
from services.drift.spelling import name_of, number_of

Pair = tuple[Mapping[str, float], Mapping[str, str]]
"""A record's numbers and texts."""


def take_odd(
    records: Sequence[Pair], numbers: Mapping[str, list[Floats]], texts: Mapping[str, Counter[str]]
) -> None:
    """Put the values of the other kind into the columns, of records that have none of the column's own."""
    for name, pieces in numbers.items():
        given = [words[name] for own, words in records if name not in own and name in words]
        pieces.append(_numbers(given))
    for name, found in texts.items():
        named = [own[name] for own, words in records if name in own and name not in words]
        found.update(_named(np.array(named, dtype=np.float64)))


def take_block(block: Block, numbers: Mapping[str, list[Floats]], texts: Mapping[str, Counter[str]]) -> None:
    """Put a block's columns into those of their names, each as what the column is of."""
    for name, values in block.numeric.items():
        if name in numbers:
            numbers[name].append(values)
        elif name in texts:
            texts[name].update(_named(values))
    for name, words in block.texts.items():
        if name in texts:
            texts[name].update(word for word in words if word)
        elif name in numbers:
            numbers[name].append(_numbers(words))


def _numbers(words: Sequence[str]) -> Floats:
    read = (number_of(word) for word in words)
    return np.array([number for number in read if number is not None], dtype=np.float64)


def _named(values: Floats) -> Counter[str]:
    found, counts = np.unique(as_meant(values), return_counts=True)
    names = Counter[str]()
    for value, count in zip(found.tolist(), counts.tolist(), strict=True):
        names[name_of(value)] += count
    del names[""]
    return names
