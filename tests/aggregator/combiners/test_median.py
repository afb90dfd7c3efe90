"""Medians, weighted and not, against numpy's and against counting by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.answers import Ballot, Classes, Tensors
from services.aggregator.combiners.median import combine, weighted_median
from tests.aggregator.ballots import label_of, likely, number, numbers, sure

steady = settings(derandomize=True, deadline=None, max_examples=50)


@steady
@given(seed=st.integers(0, 10_000), members=st.integers(1, 9))
def test_with_equal_weights_it_is_numpys_median(seed: int, members: int) -> None:
    values = np.random.default_rng(seed).normal(size=(members, 4, 3)).round(1)
    weights = np.full((members, 1, 1), 1 / members)
    assert weighted_median(values, weights) == pytest.approx(np.median(values, axis=0))


@steady
@given(seed=st.integers(0, 10_000), members=st.integers(1, 6))
def test_whole_weights_are_so_many_voices(seed: int, members: int) -> None:
    """The independent reference: numpy's median of each number written as often as it weighs."""
    rng = np.random.default_rng(seed)
    values, counts = rng.normal(size=members).round(1), rng.integers(0, 5, members)
    counts[0] += 1
    expected = np.median(np.repeat(values, counts))
    assert weighted_median(values, counts / counts.sum()) == pytest.approx(expected)


def test_declared_weights_count_and_an_outlier_does_not() -> None:
    assert numbers(combine([number("a", 1), number("b", 2), number("c", 1e9)]).answer).tolist() == [2]
    heavy = [number("a", 1, weight=5), number("b", 2, weight=1), number("c", 3, weight=1)]
    assert numbers(combine(heavy).answer).tolist() == [1]


def test_numbers_near_the_greatest_have_a_median() -> None:
    assert numbers(combine([number("a", 1.6e308), number("b", 1.7e308)]).answer) == pytest.approx([1.65e308])


def test_medians_of_probabilities_are_divided_by_their_sum() -> None:
    ballots = [likely("a", x=0.7, y=0.2, z=0.1), likely("b", x=0.5, y=0.4, z=0.1), likely("c", x=0.1, z=0.9)]
    verdict = combine(ballots)
    assert isinstance(verdict.answer, Classes)
    assert verdict.answer.probabilities == pytest.approx(np.array([[0.5, 0.2, 0.1]]) / 0.8)
    assert label_of(verdict.answer) == "x"


def test_where_all_medians_are_zero_the_mean_decides_and_a_note_says_so() -> None:
    verdict = combine([sure("a", "x"), sure("b", "y"), sure("c", "z", weight=1.5)])
    assert label_of(verdict.answer) == "z"
    assert isinstance(verdict.answer, Classes)
    assert verdict.answer.probabilities == pytest.approx(np.array([[1, 1, 1.5]]) / 3.5)
    assert "the medians of all labels are 0 in 1 of 1 rows: the mean decided there" in verdict.notes


def test_tensors_have_a_median_by_element_in_their_own_type() -> None:
    panel = [
        Ballot(name, Tensors({"p": np.array(row, dtype=np.float32)}))
        for name, row in (("a", [[1, 9]]), ("b", [[2, 8]]), ("c", [[30, 7]]))
    ]
    answer = combine(panel).answer
    assert isinstance(answer, Tensors)
    assert answer.tensors["p"].dtype == np.float32
    assert answer.tensors["p"].tolist() == [[2, 8]]
