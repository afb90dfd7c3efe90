"""The chi-square test merges what is sparse and knows what is no evidence."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact

from services.drift.statistics import chi_square
from services.drift.statistics.chi_square import FISHER


def test_sparse_columns_merge_into_one() -> None:
    reference, current = np.array([500, 300, 2, 3, 4]), np.array([480, 310, 1, 9, 0])
    found = chi_square.measure(reference, current)
    expected = chi2_contingency([[500, 300, 9], [480, 310, 10]], correction=False)
    assert found is not None
    assert found.merged == 2
    assert found.freedom == 2
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_a_merged_column_that_is_still_sparse_takes_in_the_smallest_other() -> None:
    found = chi_square.measure(np.array([500, 30, 1, 0]), np.array([490, 40, 0, 1]))
    expected = chi2_contingency([[500, 31], [490, 41]], correction=False)
    assert found is not None
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_a_sparse_two_by_two_is_fishers() -> None:
    found = chi_square.measure(np.array([40, 1]), np.array([35, 6]))
    assert found is not None
    assert found.method == FISHER
    assert found.p_value == pytest.approx(fisher_exact([[40, 1], [35, 6]]).pvalue, rel=1e-12)


def test_one_category_is_no_evidence() -> None:
    found = chi_square.measure(np.array([30, 0]), np.array([70, 0]))
    assert found is not None
    assert (found.value, found.p_value, found.freedom) == (0.0, 1.0, 0)


def test_the_order_of_categories_does_not_matter() -> None:
    left, right = np.array([400, 200, 90, 30, 4, 1, 0]), np.array([380, 230, 70, 33, 1, 2, 6])
    order = np.random.default_rng(5).permutation(7)
    one, other = chi_square.measure(left, right), chi_square.measure(left[order], right[order])
    assert one is not None
    assert other is not None
    assert one.p_value == pytest.approx(other.p_value)


def test_neighbouring_bins_join_until_both_samples_expect_five() -> None:
    reference, current = np.full(10, 100), np.array([0, 6, 2, 2, 3, 1, 4, 0, 9, 3])
    before, after = chi_square.join_adjacent(reference, current)
    assert before.tolist() == [200, 200, 200, 200, 200]
    assert after.tolist() == [6, 4, 4, 4, 12]


def test_the_last_bins_join_their_neighbour_when_too_few_are_left() -> None:
    before, after = chi_square.join_adjacent(np.array([10, 10, 10, 0, 3]), np.array([10, 10, 10, 1, 2]))
    assert before.tolist() == [10, 10, 13]
    assert after.tolist() == [10, 10, 13]
