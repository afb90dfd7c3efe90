"""Tallies add and subtract exactly, in any order."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from services.drift.cells import Frame, Tally, freeze, learn

RNG_SEED = 7


def numeric() -> tuple[Frame, list[Tally]]:
    rng = np.random.default_rng(RNG_SEED)
    grid = freeze(rng.normal(size=1_000))
    return grid, [grid.count(rng.normal(scale=2, size=size), missing=size % 3) for size in (0, 1, 50, 700, 3)]


def categorical() -> tuple[Frame, list[Tally]]:
    rng = np.random.default_rng(RNG_SEED)
    vocabulary = learn(["a", "b"])
    return vocabulary, [vocabulary.count(list(rng.choice(list("abcde"), size))) for size in (0, 1, 50, 7)]


@pytest.mark.parametrize("make", [numeric, categorical])
def test_counts_merge_alike_in_any_order(make: object) -> None:
    _, tallies = make()  # type: ignore[operator]
    total = reduce(add, tallies)
    rng = np.random.default_rng(RNG_SEED)
    for _ in range(20):
        shuffled = [tallies[index] for index in rng.permutation(len(tallies))]
        assert reduce(add, shuffled) == total


@pytest.mark.parametrize("make", [numeric, categorical])
def test_subtracting_a_part_gives_the_rest(make: object) -> None:
    _, tallies = make()  # type: ignore[operator]
    assert reduce(add, tallies) - tallies[2] == reduce(add, [t for i, t in enumerate(tallies) if i != 2])


def test_a_batch_split_anywhere_counts_the_same() -> None:
    values = np.random.default_rng(RNG_SEED).normal(size=1_000)
    grid = freeze(values)
    assert grid.count(values[:137]) + grid.count(values[137:]) == grid.count(values)


def test_what_was_never_added_cannot_be_subtracted() -> None:
    grid = freeze([1.0, 2.0])
    with pytest.raises(ValueError, match="never added"):
        grid.count([1.0]) - grid.count([2.0])
