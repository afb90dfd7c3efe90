"""What is drawn is what was compared: shares that add up, ends that are those of the bins."""

import numpy as np
import pytest

from services.drift.cells import freeze, learn
from services.drift.comparison import compare
from services.drift.drawing import MOST_NAMES, OTHER, Picture, Span, draw, spans


def drawn(reference: list[float], current: list[float]) -> tuple[Picture, tuple[Span, ...]]:
    grid = freeze(reference)
    left, right = grid.count(reference), grid.count(current)
    return draw(grid, compare(grid, left, right).shares, left, right), spans(*grid.packed)


def test_numbers_are_drawn_in_ten_bins_that_join() -> None:
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=5_000), rng.normal(1, 1, 2_000)
    (_, before, after), bins = drawn(reference.tolist(), current.tolist())
    assert len(bins) == 10
    assert (bins[0].lower, bins[-1].upper) == (None, None)
    assert [one.upper for one in bins[:-1]] == [one.lower for one in bins[1:]]
    for one, share in zip(bins, after, strict=True):
        above = -np.inf if one.lower is None else one.lower
        upto = np.inf if one.upper is None else one.upper
        assert share == pytest.approx(((current > above) & (current <= upto)).mean())
    assert sum(before) == pytest.approx(1)
    assert bins[0].label.startswith("≤ ")
    assert bins[-1].label.startswith("> ")


def test_few_values_are_drawn_one_by_one_and_what_lies_between_as_other() -> None:
    (_, before, after), bins = drawn([1.0, 2.0, 2.0, 5.0] * 20, [2.0, 3.0])
    assert bins == (("1", 1.0, 1.0), ("2", 2.0, 2.0), ("5", 5.0, 5.0), (OTHER, None, None))
    assert before == [0.25, 0.5, 0.25, 0.0]
    assert after == [0.0, 0.5, 0.0, 0.5]


def test_of_many_categories_the_larger_ones_are_drawn_and_the_rest_as_one() -> None:
    reference = [f"c{value}" for value in range(60) for _ in range(60 - value)]
    current = ["new"] * 500 + ["c59"] * 200
    vocabulary = learn(reference)
    left, right = vocabulary.count(reference), vocabulary.count(current)
    names, before, after = draw(vocabulary, compare(vocabulary, left, right).shares, left, right)
    assert names[:3] == ["new", "c59", "c0"]
    assert len(names) == MOST_NAMES + 1
    assert names[-1] == OTHER
    assert [sum(before), sum(after)] == pytest.approx([1, 1])


def test_without_data_there_are_no_shares_and_no_fault() -> None:
    vocabulary = learn(["a"])
    nothing = vocabulary.count([])
    empty = compare(vocabulary, nothing, nothing).shares
    assert draw(vocabulary, empty, nothing, nothing) == ([], [], [])
    assert drawn([1.0] * 40, [])[0].current == [0.0, 0.0]
