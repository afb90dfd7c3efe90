"""A window that crowds into one cell is told, with the way out; what chance does, or one value, is not."""

import re

import numpy as np
import pytest

from services.drift.baselines import Feature, measure_columns
from services.drift.cells import Tally
from services.drift.crowding import LEAST_VALUES, crowded

RNG = np.random.default_rng(4)
NORMAL = RNG.normal(0, 1, 20_000)


def feature(values: np.ndarray) -> Feature:
    _, (made,) = measure_columns({"age": values.tolist()}, {}, {})
    return made


def said(made: Feature, window: np.ndarray) -> str:
    tally: Tally = made.frame.count(window.tolist())
    return crowded(made, tally)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (RNG.normal(9, 1, 1_000), r"age: 100.0% .* cell, above [34][\d.]*, where the baseline has 0.0%"),
        (RNG.normal(-9, 1, 1_000), r"cell, up to -[34][\d.]*, where"),
        (
            np.append(RNG.uniform(0.0001, 0.0002, 100), RNG.normal(0, 1, 900)),
            r"age: 1\d\.\d% .* one cell, above -?0\.0\d* and up to 0\.0\d*, where the baseline has 0\.4%",
        ),
    ],
    ids=["above", "below", "within"],
)
def test_a_cell_that_holds_more_than_a_twentieth_is_told(window: np.ndarray, words: str) -> None:
    found = said(feature(NORMAL), window)
    assert re.search(words, found), found


def test_what_has_not_moved_is_not_told() -> None:
    made = feature(NORMAL)
    for seed in range(200):
        for rows in (30, LEAST_VALUES, 1_000):
            assert said(made, np.random.default_rng(seed).normal(0, 1, rows)) == ""


def test_a_value_that_many_have_is_none_that_something_moves_within() -> None:
    """It has a cell of its own: a new grid would give it another."""
    tickets = np.append(NORMAL, np.zeros(400))
    assert said(feature(tickets), np.append(RNG.normal(0, 1, 500), np.zeros(500))) == ""


def test_cells_that_were_as_full_in_the_baseline_are_its_own_business() -> None:
    """That they are coarse is told when it is made."""
    sevens = feature(np.repeat(np.arange(7.0), 100))
    assert said(sevens, np.repeat(np.arange(7.0), 20)) == ""


def test_too_few_values_say_nothing() -> None:
    assert said(feature(NORMAL), np.full(LEAST_VALUES - 1, 9.0)) == ""
    assert said(feature(NORMAL), np.full(LEAST_VALUES, 9.0)) != ""


def test_names_have_no_such_cells() -> None:
    _, (made,) = measure_columns({}, {"plan": ["gold", "basic"] * 50}, {})
    assert crowded(made, made.frame.count(["steel"] * 500)) == ""
