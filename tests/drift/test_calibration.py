"""Under no drift, a p-value below 5 % comes up in at most 5 % of samples, beyond what chance allows."""

from collections.abc import Callable
from functools import cache
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from services.drift.cells import Frame, freeze, learn
from services.drift.comparison import Comparison, compare
from services.drift.statistics import chi_square

Make = Callable[[Generator, int], tuple[Frame, list[Any], list[Any]]]

LEVEL = 0.05
RUNS = 400


def slack(runs: int) -> float:
    """Four standard errors of a share near 5 %: chance alone passes it once in 30,000 seeds."""
    return 4 * sqrt(LEVEL * (1 - LEVEL) / runs)


def numeric(rng: Generator, rows: int) -> tuple[Frame, list[float], list[float]]:
    reference = rng.normal(size=1_000)
    return freeze(reference), list(reference), list(rng.normal(size=rows))


def few_values(rng: Generator, rows: int) -> tuple[Frame, list[float], list[float]]:
    reference = rng.poisson(2, 1_000).astype(float)
    return freeze(reference), list(reference), list(rng.poisson(2, rows).astype(float))


def categorical(rng: Generator, rows: int) -> tuple[Frame, list[str], list[str]]:
    def draw(size: int) -> list[str]:
        return [str(name) for name in rng.choice(list("abcdef"), size, p=[0.4, 0.3, 0.2, 0.08, 0.015, 0.005])]

    reference = draw(1_000)
    return learn(reference), reference, draw(rows)


@cache
def nulls(make: Make, rows: int) -> list[Comparison]:
    rng = np.random.default_rng(2024)
    found = []
    for _ in range(RUNS):
        frame, reference, current = make(rng, rows)
        found.append(compare(frame, frame.count(reference), frame.count(current)))
    return found


def rejected(p_values: list[float | None]) -> float:
    assert None not in p_values
    return float(np.mean([p is not None and p <= LEVEL for p in p_values]))


@pytest.mark.parametrize("rows", [50, 500])
@pytest.mark.parametrize("make", [numeric, few_values, categorical])
def test_no_drift_is_called_drift_at_most_as_often_as_stated(make: Make, rows: int) -> None:
    found = nulls(make, rows)
    assert rejected([one.p_value for one in found]) <= LEVEL + slack(RUNS)
    tests = [one.chi_square for one in found if one.chi_square]
    assert rejected([test.p_value for test in tests]) <= LEVEL + slack(RUNS)
    brackets = [one.ks for one in found if one.ks]
    if brackets:
        assert rejected([bracket.p_value for bracket in brackets]) <= LEVEL + slack(RUNS)


def test_chi_square_is_not_conservative_where_every_cell_is_filled() -> None:
    rng, runs = np.random.default_rng(2025), 3_000
    reference = np.array([rng.multinomial(1_000, np.full(10, 0.1)) for _ in range(runs)])
    current = np.array([rng.multinomial(500, np.full(10, 0.1)) for _ in range(runs)])
    tests = [chi_square.measure(left, right) for left, right in zip(reference, current, strict=True)]
    share = rejected([test.p_value if test else None for test in tests])
    assert 0.04 - slack(runs) <= share <= LEVEL + slack(runs)


def test_the_tests_have_power() -> None:
    """A test that never rejects would pass every test above."""
    rng = np.random.default_rng(9)
    reference = rng.normal(size=1_000)
    grid = freeze(reference)
    found = [compare(grid, grid.count(reference), grid.count(rng.normal(0.5, 1, 200))) for _ in range(100)]
    assert rejected([one.p_value for one in found]) > 0.9


def test_a_missing_rate_that_holds_is_not_called_a_change() -> None:
    rng = np.random.default_rng(10)
    reference = rng.normal(size=1_000)
    reference[rng.random(1_000) < 0.1] = np.nan
    grid = freeze(reference)
    before = grid.count(reference)
    found = []
    for _ in range(RUNS):
        gone = int((rng.random(500) < 0.1).sum())
        found.append(compare(grid, before, grid.count(rng.normal(size=500 - gone), missing=gone)))
    # One reference sample is drawn once: its own luck shifts every run, so only a gross excess may fail.
    assert rejected([one.missingness.p_value for one in found if one.missingness]) <= 3 * LEVEL
