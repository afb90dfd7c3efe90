"""What is drawn is what was compared: shares that add up, ends that are those of the bins."""

import numpy as np
import pytest

from services.drift.cells import freeze, learn
from services.drift.comparison import compare
from services.drift.drawing import MOST_NAMES, OTHER, Bar, bars


def drawn(reference: list[float], current: list[float]) -> list[Bar]:
    grid = freeze(reference)
    left, right = grid.count(reference), grid.count(current)
    return bars(grid, compare(grid, left, right).bins, left, right)


def test_numbers_are_drawn_in_ten_bins_that_join() -> None:
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=5_000).tolist(), rng.normal(1, 1, 2_000).tolist()
    found = drawn(reference, current)
    assert len(found) == 10
    assert (found[0].lower, found[-1].upper) == (None, None)
    assert [one.upper for one in found[:-1]] == [one.lower for one in found[1:]]
    for one in found:
        low, high = one.lower or -np.inf if one.lower is not None else -np.inf, one.upper
        inside = [value for value in current if low < value <= (np.inf if high is None else high)]
        assert one.current_share == pytest.approx(len(inside) / 2_000)
    assert found[0].label.startswith("≤ ")
    assert found[-1].label.startswith("> ")


def test_few_values_are_drawn_one_by_one_and_what_lies_between_as_other() -> None:
    found = drawn([1.0, 2.0, 2.0, 5.0] * 20, [2.0, 3.0])
    assert [(one.label, one.lower, one.upper) for one in found] == [
        ("1", 1.0, 1.0),
        ("2", 2.0, 2.0),
        ("5", 5.0, 5.0),
        (OTHER, None, None),
    ]
    assert [one.reference_share for one in found] == [0.25, 0.5, 0.25, 0.0]
    assert [one.current_share for one in found] == [0.0, 0.5, 0.0, 0.5]


def test_of_many_categories_the_larger_ones_are_drawn_and_the_rest_as_one() -> None:
    reference = [f"c{value}" for value in range(60) for _ in range(60 - value)]
    current = ["new"] * 500 + ["c59"] * 200
    vocabulary = learn(reference)
    left, right = vocabulary.count(reference), vocabulary.count(current)
    found = bars(vocabulary, compare(vocabulary, left, right).bins, left, right)
    assert [one.label for one in found[:3]] == ["new", "c59", "c0"]
    assert len(found) == MOST_NAMES + 1
    assert found[-1].label == OTHER
    for side in ("reference_share", "current_share"):
        assert sum(getattr(one, side) for one in found) == pytest.approx(1)


def test_without_data_there_are_no_shares_and_no_fault() -> None:
    vocabulary = learn(["a"])
    nothing = vocabulary.count([])
    assert bars(vocabulary, compare(vocabulary, nothing, nothing).bins, nothing, nothing) == []
    found = drawn([1.0] * 40, [])
    assert [one.current_share for one in found] == [0.0, 0.0]
