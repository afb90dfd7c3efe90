"""Wasserstein from cells: its scales, and what outliers do to it."""

import numpy as np
import pytest

from services.drift.cells import Grid, freeze
from services.drift.statistics import wasserstein
from services.drift.statistics.wasserstein import Wasserstein

RNG_ROWS = 20_000


def of(grid: Grid, before: list[float], after: list[float]) -> Wasserstein:
    cells = grid.present(grid.count(before)), grid.present(grid.count(after))
    found = wasserstein.measure(*cells, grid.places, grid.widths)
    assert found is not None
    return found


def test_a_shift_of_half_a_deviation_measures_so() -> None:
    values = np.random.default_rng(3).normal(10, 4, RNG_ROWS)
    found = of(freeze(values), values.tolist(), (values + 2).tolist())
    assert found.in_deviations == pytest.approx(0.5, abs=0.02)
    # A normal's interquartile range is 1.349 deviations.
    assert found.in_quartiles == pytest.approx(0.5 / 1.349, abs=0.02)


def test_one_wild_value_moves_it_by_its_share_of_the_range() -> None:
    values = np.random.default_rng(4).normal(size=RNG_ROWS).tolist()
    grid = freeze(values)
    found = of(grid, values, [*values[1:], 1e12])
    assert found.value <= (max(values) - min(values)) / RNG_ROWS + 1e-12


def test_a_wild_value_in_the_baseline_does_not_hide_a_shift() -> None:
    values = np.random.default_rng(5).normal(size=RNG_ROWS).tolist()
    found = of(freeze([*values, 1e9]), [*values, 1e9], [value + 1 for value in values])
    # Its cell is a hundredth of a decile, and stands at its inner end.
    assert found.in_deviations == pytest.approx(1, abs=0.05)
    assert found.in_quartiles == pytest.approx(1 / 1.349, abs=0.05)


def test_constants_have_no_scale() -> None:
    found = of(freeze([3.0, 3.0]), [3.0, 3.0], [3.0])
    assert (found.value, found.in_deviations, found.in_quartiles) == (0.0, None, None)
    assert found.margin == 0


def test_an_empty_sample_measures_nothing() -> None:
    grid = freeze([1.0, 2.0])
    none = np.zeros(len(grid.places), dtype=np.int64)
    assert wasserstein.measure(none, grid.present(grid.count([1.0])), grid.places, grid.widths) is None
