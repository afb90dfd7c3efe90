"""What every statistic in the table promises; a new one is tested by existing."""

import doctest
import sys

import numpy as np
import pytest

from services.drift.statistics import STATISTICS, Statistic

each = pytest.mark.parametrize("measure", STATISTICS.values(), ids=STATISTICS)
REFERENCE = np.array([500, 300, 200])


@each
def test_equal_samples_show_no_drift(measure: Statistic) -> None:
    for counts in (REFERENCE, np.array([7]), np.array([3, 0, 0]), np.array([1, 1])):
        found = measure(counts, counts * 3)
        assert found is not None
        assert found.value == pytest.approx(0, abs=1e-12) or counts.tolist() == [3, 0, 0]
        assert found.p_value in (None, 1.0)


@each
def test_a_larger_shift_measures_larger(measure: Statistic) -> None:
    small, large = (
        measure(REFERENCE, np.array([480, 310, 210])),
        measure(REFERENCE, np.array([200, 300, 500])),
    )
    assert small is not None
    assert large is not None
    assert large.value > small.value > 0
    if large.p_value is not None and small.p_value is not None:
        assert large.p_value < 1e-6 < small.p_value


@each
def test_an_empty_sample_measures_nothing(measure: Statistic) -> None:
    assert measure(REFERENCE, np.zeros(3, dtype=np.int64)) is None
    assert measure(np.zeros(3, dtype=np.int64), REFERENCE) is None


@each
def test_nothing_measured_is_ever_nan(measure: Statistic) -> None:
    rng = np.random.default_rng(11)
    for _ in range(200):
        columns = rng.integers(1, 6)
        left, right = (rng.poisson(rng.choice([0.3, 4, 1e6]), columns) for _ in range(2))
        found = measure(left, right)
        if found is not None:
            assert np.isfinite(found.value)
            assert found.p_value is None or 0 <= found.p_value <= 1


@each
def test_what_cannot_be_counts_is_refused(measure: Statistic) -> None:
    with pytest.raises(ValueError, match="one length"):
        measure(REFERENCE, np.array([1, 2]))
    with pytest.raises(ValueError, match="negative"):
        measure(REFERENCE, np.array([1, -2, 3]))


@each
def test_its_example_is_true(measure: Statistic) -> None:
    module = sys.modules[measure.__module__]
    result = doctest.testmod(module, extraglobs={"np": np})
    assert result.attempted > 0
    assert result.failed == 0
