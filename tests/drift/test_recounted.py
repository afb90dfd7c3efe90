"""Baselines on cells that were there before them: from a window of traffic, and from somebody's counts."""

from collections.abc import Iterable
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from services.drift.analysis import Finding, analyse, warn
from services.drift.baselines import Baseline, Feature, measure_columns
from services.drift.cells import Tally, regrid
from services.drift.cells.blob import Profile
from services.drift.making.recounting import recount
from services.drift.verdict import Level

ROWS = 3_000
LEVEL, RUNS = 0.05, 200
# Ten cells of a tenth each, of which the first and the last are open.
DECILES = norm.ppf(np.arange(1, 10) / 10)


def baseline(features: Iterable[Feature]) -> Baseline:
    return Baseline("b" * 32, "base", "models/m", "m" * 32, ROWS, tuple(features), 0.0)


def window(made: Baseline, values: NDArray[np.float64]) -> Profile:
    return Profile.of("1-1", len(values), [feature.frame.count(values) for feature in made.features])


def recounted(values: NDArray[np.float64]) -> Baseline:
    """A window of the values, on cells that were frozen at a normal sample."""
    first = np.random.default_rng(70).normal(size=ROWS)
    old = baseline(measure_columns({"x": first.tolist()}, {}, {})[1])
    features, nothing = recount(old, window(old, values))
    assert not nothing
    return baseline(features)


def aggregated(values: NDArray[np.float64]) -> Baseline:
    """Somebody's counts of the values in ten cells."""
    counts = np.bincount(np.searchsorted(DECILES, values), minlength=10).astype(np.int64)
    return baseline([Feature("x", regrid(DECILES, counts), Tally(np.append(counts, [0] * 4)))])


def told(found: Finding) -> tuple[Level, int, bool]:
    """The status, how many values are called new, and whether they are news."""
    (one,) = found.features
    return found.status, one.comparison.outside, one.verdict.range_changed


@pytest.mark.parametrize("seed", range(10))
def test_the_baseline_s_own_values_are_not_out_of_its_range(seed: int) -> None:
    """What lies beyond the edges is counted in an outermost cell, and there the baseline has values too."""
    rng = np.random.default_rng([71, seed])
    for made, mean in ((recounted(rng.normal(4, 1, ROWS)), 4.0), (aggregated(rng.normal(0, 1, ROWS)), 0.0)):
        found = analyse(made, window(made, rng.normal(mean, 1, ROWS)))
        assert (told(found)[0], told(found)[2]) == (Level.OK, False)
        assert told(found)[1] <= 0.01 * ROWS
        assert warn(found) == []


def test_what_is_new_is_still_told() -> None:
    """Cells that only the old baseline had values in lie beyond the range of the new one."""
    rng = np.random.default_rng(72)
    made = recounted(rng.normal(4, 1, ROWS))
    moved = rng.normal(4, 1, ROWS)
    moved[:60] = -1.0
    status, outside, news = told(analyse(made, window(made, moved)))
    assert (status, news) == (Level.OK, True)
    assert outside >= 60


def test_the_range_test_errs_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(73)
    wrong = 0
    for _ in range(RUNS):
        made = recounted(rng.normal(2, 1, 300))
        (one,) = analyse(made, window(made, rng.normal(2, 1, 900))).features
        assert one.comparison.outside_p is not None
        wrong += one.comparison.outside_p <= LEVEL
    # Four standard errors; coarse cells only lower it.
    assert wrong / RUNS <= LEVEL + 4 * sqrt(LEVEL * (1 - LEVEL) / RUNS)
