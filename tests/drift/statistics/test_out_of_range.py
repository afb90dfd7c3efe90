"""The chance of values beyond a range is the true one, and Fisher's test is R's and scipy's."""

import doctest

import numpy as np
import pytest
from scipy.stats import betabinom, fisher_exact

from services.drift.statistics import chi_square, out_of_range


@pytest.mark.parametrize(
    ("reference", "current", "outside"),
    [(100, 100, 2), (100, 50, 10), (2, 7, 3), (1_000, 1_000_000, 2_500), (50_000, 300, 1), (30, 3_000, 420)],
)
def test_it_is_the_beta_binomial_law_of_what_lies_outside(reference: int, current: int, outside: int) -> None:
    # A range covers a share of the law that is Beta(n - 1, 2) distributed, whatever the law is.
    expected = betabinom.sf(outside - 1, current, 2, reference - 1)
    assert out_of_range.chance(reference, current, outside) == pytest.approx(expected, rel=1e-6, abs=1e-11)


def test_under_no_change_it_rejects_as_often_as_it_says() -> None:
    rng = np.random.default_rng(20)
    samples = rng.normal(size=(4_000, 300))
    reference, current = samples[:, :100], samples[:, 100:]
    low, high = reference.min(axis=1, keepdims=True), reference.max(axis=1, keepdims=True)
    outside = ((current < low) | (current > high)).sum(axis=1)
    rejected = np.mean([out_of_range.chance(100, 200, int(count)) <= 0.05 for count in outside])
    # Three standard errors of a rate of 5 % in 4,000; discreteness only lowers it.
    assert 0.02 < rejected < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4_000)


def test_both_ways_of_reckoning_it_agree() -> None:
    most = out_of_range.MOST_FACTORS
    near = [out_of_range.chance(10_000, 5_000_000, most + step) for step in (0, 1)]
    assert 0.98 < near[1] / near[0] < 1


@pytest.mark.parametrize("counts", [(0, 5, 0), (5, 0, 0), (5, 5, 6), (5, 5, -1)])
def test_what_cannot_be_is_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="lie outside"):
        out_of_range.chance(*counts)


def test_its_example_is_true() -> None:
    result = doctest.testmod(out_of_range)
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_fisher_is_scipys() -> None:
    rng = np.random.default_rng(21)
    compared = 0
    while compared < 300:
        table = rng.poisson(rng.choice([1, 5, 50, 5_000], size=(2, 2)))
        if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
            continue
        compared += 1
        found = chi_square.fisher(table[0], table[1])
        assert found == pytest.approx(float(fisher_exact(table).pvalue), rel=1e-7, abs=1e-12)
