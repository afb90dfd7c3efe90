"""Grids: frozen, at most 256 cells, exact for PSI, and never blinded by an outlier or a NaN."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from services.drift.cells import MAX_CELLS, Grid, freeze
from services.drift.cells.grid import MISSING, NAN, NEGATIVE_INFINITY, POSITIVE_INFINITY
from services.drift.comparison import compare

SAMPLES = {
    "normal": lambda rng: rng.normal(size=20_000),
    "heavy tail": lambda rng: rng.lognormal(0, 2, 20_000),
    "few values": lambda rng: rng.poisson(3, 20_000).astype(float),
    "many atoms": lambda rng: np.concatenate([rng.normal(size=6_000), np.repeat(np.arange(100.0), 40)]),
    "one heavy atom": lambda rng: np.maximum(rng.normal(size=20_000), 0.5),
    "300 even values": lambda _: np.repeat(np.arange(300.0), 10),
    "epoch seconds": lambda rng: 1.7e9 + rng.uniform(0, 86_400, 20_000),
    "a constant": lambda _: np.full(100, 5.0),
}


@pytest.fixture(params=list(SAMPLES.values()), ids=list(SAMPLES))
def sample(request: pytest.FixtureRequest) -> np.ndarray:
    values: np.ndarray = request.param(np.random.default_rng(1))
    return values


def test_a_grid_has_at_most_256_cells_in_order(sample: np.ndarray) -> None:
    grid = freeze(sample)
    assert len(grid.edges) + 1 <= MAX_CELLS
    assert (np.diff(grid.edges) > 0).all()
    assert len(grid.bins) == len(grid.edges) + 1


def test_every_value_falls_into_the_cell_that_ends_at_or_above_it(sample: np.ndarray) -> None:
    grid = freeze(sample)
    cells = grid.present(grid.count(sample))
    ends = np.append(grid.edges, np.inf)
    assert np.array_equal(np.cumsum(cells), [(sample <= end).sum() for end in ends])


def test_the_bracket_is_as_narrow_as_the_cells_allow(sample: np.ndarray) -> None:
    # An atom lighter than 1/256 may share its cell with a fine slice: at most the two together.
    assert freeze(sample).width <= 2 / 250


def test_the_baseline_itself_is_never_out_of_range(sample: np.ndarray) -> None:
    grid = freeze(sample)
    beyond = grid.beyond(grid.count(sample))
    later = grid.count([sample.min() - 1, sample.max() + 1, sample.max()])
    assert grid.present(later)[beyond].sum() == 2


def test_a_continuous_decile_is_split_into_25_or_26_cells() -> None:
    grid = freeze(np.random.default_rng(2).normal(size=100_000))
    per_decile = np.bincount(grid.bins[1:-1])
    assert set(per_decile.tolist()) == {25, 26}
    assert grid.width == pytest.approx(1 / 250, abs=1e-4)


def test_what_is_not_finite_is_counted_beside_the_cells() -> None:
    grid = freeze([1.0, 2.0, 3.0])
    tally = grid.count([1.0, np.nan, np.nan, np.inf, -np.inf, -np.inf, -np.inf], missing=4)
    beside = [int(tally.columns[i]) for i in (MISSING, NAN, POSITIVE_INFINITY, NEGATIVE_INFINITY)]
    assert beside == [4, 2, 1, 3]
    assert grid.present(tally).sum() == 1
    assert tally.rows == 11


def test_a_baseline_of_nothing_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one finite value"):
        freeze([np.nan, np.inf])


def test_negative_zero_is_zero() -> None:
    assert freeze([-0.0, 1.0]).id == freeze([0.0, 1.0]).id


def test_unseen_values_between_few_known_ones_are_told_apart() -> None:
    """A single OTHER cell would see a far larger shift: KS needs the gaps in their order."""
    even, odd = np.arange(0.0, 200.0, 2), np.arange(1.0, 201.0, 2)
    grid = freeze(np.repeat(even, 10))
    result = compare(grid, grid.count(np.repeat(even, 10)), grid.count(np.repeat(odd, 10)))
    assert result.ks is not None
    assert result.ks.upper == pytest.approx(0.01, abs=1e-9)


@pytest.mark.parametrize("outlier", [1e6, -1e300])
def test_one_outlier_does_not_hide_a_shift(outlier: float) -> None:
    rng = np.random.default_rng(40)
    baseline = np.append(rng.normal(0, 1, 20_000), outlier)
    grid = freeze(baseline)
    result = compare(grid, grid.count(baseline), grid.count(rng.normal(0.5, 1, 20_000)))
    assert result.psi is not None
    assert result.ks is not None
    assert result.psi.value > 0.2
    assert result.ks.lower > 0.19


def test_a_gap_that_is_wider_than_any_number_is_wide_and_no_nan() -> None:
    """Nothing lies in it, and nothing of infinite width weighs NaN."""
    ends = np.tile([-1.7e308, 1.7e308], 50)
    grid = freeze(ends)
    assert np.isfinite(grid.widths[1:-1]).all()
    result = compare(grid, grid.count(ends), grid.count(ends[:60]))
    assert result.wasserstein is not None
    assert result.wasserstein.margin is not None
    assert np.isfinite(result.wasserstein.margin)


def test_a_nan_does_not_hide_a_shift() -> None:
    rng = np.random.default_rng(41)
    baseline = rng.normal(0, 1, 1_000)
    current = rng.normal(5, 1, 1_000)
    current[0] = np.nan
    grid = freeze(baseline)
    result = compare(grid, grid.count(baseline), grid.count(current))
    assert result.p_value is not None
    assert result.p_value < 1e-100


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(arrays.arrays(np.float64, st.integers(1, 400), elements=finite))
def test_any_sample_makes_a_grid_that_counts_each_value_once(values: np.ndarray) -> None:
    grid: Grid = freeze(values)
    assert len(grid.edges) < MAX_CELLS
    assert grid.coarse(grid.count(values)).sum() == values.size
    assert not grid.crude
    # What is frozen at a sample has a cell on either side of it, and no other one lies beyond.
    beyond = grid.beyond(grid.count(values))
    assert np.flatnonzero(beyond).tolist() == [0, len(grid.edges)]
