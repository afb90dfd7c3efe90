"""Numbers of single precision are counted as the decimals that they were made of."""

import random

import numpy as np
import pytest

from services.drift.cells import freeze
from services.drift.cells.singles import DIGITS, Values, as_meant


def single(values: Values) -> Values:
    """As they come from who sends 32 bits."""
    return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("digits", range(1, DIGITS))
@pytest.mark.parametrize("magnitude", [-12, -6, -1, 0, 1, 4])
def test_decimals_of_few_digits_come_back(digits: int, magnitude: int) -> None:
    """Single precision keeps six digits of whatever number (FLT_DIG of float.h)."""
    rng = random.Random(digits)
    told = [f"{rng.choice('+-')}{rng.uniform(1, 10):.{digits - 1}f}e{magnitude}" for _ in range(2_000)]
    values = np.array([float(one) for one in told])
    assert as_meant(single(values)).tolist() == values.tolist()
    assert as_meant(values).tolist() == values.tolist()


def test_values_that_differ_still_do_in_their_order_and_hardly_move() -> None:
    rng = np.random.default_rng(3)
    # Neighbours too: every number of single precision of some stretches.
    near = [np.float32(start) + np.arange(2_000) * np.spacing(np.float32(start)) for start in (0.7, 9.3, 1e5)]
    values = np.unique(
        np.concatenate([single(rng.normal(size=20_000)), *(part.astype(float) for part in near)])
    )
    meant = as_meant(values)
    assert (np.diff(meant) > 0).all()
    assert np.abs(meant / values - 1).max() < 1e-7
    assert single(meant).tolist() == values.tolist()
    assert as_meant(meant).tolist() == meant.tolist()


def test_doubles_and_whole_numbers_and_what_is_no_number_stay_as_they_are() -> None:
    rng = np.random.default_rng(4)
    kept = [
        rng.normal(size=50_000),
        np.arange(-1_000.0, 1_000.0),
        np.array([2.0**24 + 2, 2.0**60, 1e300, -1e300, 5e-324, 2.0**-149, 1e-30, 0.5, 0.125, -0.0]),
        np.array([np.nan, np.inf, -np.inf]),
        np.zeros(0),
    ]
    for values in kept:
        assert as_meant(values).tobytes() == values.tobytes()


@pytest.mark.parametrize("steps", [9, 60, 90])
def test_a_value_of_single_precision_is_in_the_cell_of_its_double_and_the_other_way_round(steps: int) -> None:
    values = np.random.default_rng(5).integers(1, steps, 4_000) / 10
    for frozen, counted in ((values, single(values)), (single(values), values)):
        grid = freeze(frozen)
        assert grid.count(counted).columns.tolist() == grid.count(frozen).columns.tolist()
    assert freeze(single(values)).edges.tolist() == freeze(values).edges.tolist()
