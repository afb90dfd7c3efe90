"""Cells that were there before both samples: bins that neither of them chose."""

import doctest

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import norm

from services.drift.cells import Tally, regrid
from services.drift.comparison import Method, compare_all
from services.drift.reference import Reference
from services.drift.statistics import chi_square, pooled_bins

RUNS, LEVEL = 2_500, 0.05
# Four standard errors of a share near 5 %.
SLACK = 4 * np.sqrt(LEVEL * (1 - LEVEL) / RUNS)
Shares = NDArray[np.float64]

CELLS: dict[str, Shares] = {
    "ten alike": np.full(10, 0.1),
    "thirty alike": np.full(30, 1 / 30),
    "as wide as each other": np.diff(norm.cdf(np.linspace(-3, 3, 21)), prepend=0, append=1),
}


def rejected(rng: Generator, shares: Shares, sizes: tuple[int, int], later: Shares) -> float:
    """How often the test of an analysis rejects, of samples of these shares and sizes."""
    edges, references, windows = np.arange(len(shares) - 1.0), [], []
    for _ in range(RUNS):
        before, after = rng.multinomial(sizes[0], shares), rng.multinomial(sizes[1], later)
        references.append((regrid(edges, before), Tally(np.append(before, [0] * 4))))
        windows.append(Tally(np.append(after, [0] * 4)))
    found = compare_all(Reference(references), windows, Method())
    return float(np.mean([one.chi_square is not None and one.chi_square.p_value <= LEVEL for one in found]))


@pytest.mark.parametrize("sizes", [(100, 10_000), (200, 2_000), (300, 30_000), (1_000, 500)])
@pytest.mark.parametrize("cells", CELLS)
def test_no_drift_is_called_drift_as_often_as_stated(cells: str, sizes: tuple[int, int]) -> None:
    shares = CELLS[cells]
    share = rejected(np.random.default_rng([len(shares), *sizes]), shares, sizes, shares)
    # Sparse cells merge, which makes it a little too careful.
    assert 0.03 - SLACK <= share <= LEVEL + SLACK


@pytest.mark.parametrize("cells", CELLS)
def test_it_sees_a_quarter_of_a_shift_of_a_deviation(cells: str) -> None:
    shares = CELLS[cells]
    ends = norm.ppf(np.clip(np.cumsum(shares)[:-1], 1e-12, 1 - 1e-12))
    moved = np.diff(norm.cdf(ends - 0.25), prepend=0, append=1)
    assert rejected(np.random.default_rng(5), shares, (1_000, 1_000), moved) > 0.9


def test_few_cells_are_tested_as_categories_are() -> None:
    before, after = np.array([0, 40, 3, 0, 70, 20]), np.array([5, 90, 9, 0, 100, 80])
    assert pooled_bins.measure(before, after) == chi_square.measure(before, after)


def test_heavy_and_empty_cells_are_bins_of_their_own_or_none() -> None:
    before, after = np.array([0, 0, *[4] * 12, 700, 0]), np.array([0, 0, *[8] * 12, 652, 0])
    for left, right in ((before, after), (before[::-1], after[::-1])):
        found = pooled_bins.measure(left, right)
        assert found
        assert (found.freedom, found.merged) == (1, 0)
        assert found == chi_square.measure(np.array([48, 700]), np.array([96, 652]))


def test_an_empty_sample_is_not_measured() -> None:
    nothing = np.zeros(12, dtype=np.int64)
    assert pooled_bins.measure(np.arange(12), nothing) is None
    assert pooled_bins.measure_many([(nothing, nothing), (np.arange(12), nothing)]) == [None, None]


def test_its_example_is_true() -> None:
    result = doctest.testmod(pooled_bins)
    assert (result.attempted > 0, result.failed) == (True, 0)
