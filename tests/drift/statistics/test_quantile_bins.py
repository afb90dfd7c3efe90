"""Bins cut at the reference's own quantiles: the test knows that their counts were chosen."""

import numpy as np
import pytest
from scipy.stats import betabinom

from services.drift.statistics import chi_square, quantile_bins
from services.drift.statistics.counts import Pairs

RUNS = 4_000
# Four standard errors of a share near 5 %.
SLACK = 4 * np.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize(("each", "rows"), [(5, 50), (5, 500), (5, 50_000), (10, 1_000), (50, 5_000)])
def test_no_drift_is_called_drift_as_often_as_stated(each: int, rows: int) -> None:
    """Small references and large windows too, where a test of homogeneity rejects 15 %."""
    rng = np.random.default_rng([each, rows])
    reference = np.full(10, each)
    gaps = reference + (np.arange(10) == 9)
    windows = rng.multinomial(rows, rng.dirichlet(gaps, size=RUNS))
    found = quantile_bins.measure_many(Pairs.of([(reference, window) for window in windows]))
    share = np.mean([one is not None and one.p_value <= 0.05 for one in found])
    assert 0.04 - SLACK <= share <= 0.05 + SLACK
    if (each, rows) == (5, 50_000):
        pooled = chi_square.measure_many(Pairs.of([(reference, window) for window in windows]), 0)
        assert np.mean([one is not None and one.p_value <= 0.05 for one in pooled]) > 0.12


def test_two_bins_are_a_beta_binomial() -> None:
    """In expectation the statistic is its degrees of freedom: the mean of its squares is exact."""
    reference, rows = np.array([12, 8]), 30
    counts = np.arange(rows + 1)
    law = betabinom.pmf(counts, rows, 12, 9)
    found = [quantile_bins.measure(reference, np.array([count, rows - count])) for count in counts]
    mean = sum(chance * one.value for chance, one in zip(law, found, strict=True) if one)
    assert mean == pytest.approx(1.0, rel=1e-12)


def test_of_one_bin_nothing_is_said() -> None:
    found = quantile_bins.measure(np.array([40]), np.array([90]))
    assert found
    assert (found.value, found.p_value, found.freedom) == (0.0, 1.0, 0)


def test_an_empty_sample_is_not_measured() -> None:
    assert quantile_bins.measure(np.array([5, 5]), np.array([0, 0])) is None
