"""Means under weights, and where the weights come from."""

import numpy as np
import pytest

from services.aggregator.answers import Classes
from services.aggregator.combiners.weighted_average import combine
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import Recipe
from services.aggregator.weights import WeightSource
from tests.aggregator.ballots import likely, number, numbers


def test_declared_weights_count_where_there_are_any() -> None:
    answer = combine([likely("a", 0.6, yes=0.9, no=0.1), likely("b", 0.4, yes=0.4, no=0.6)]).answer
    assert isinstance(answer, Classes)
    assert answer.probabilities == pytest.approx(np.array([[0.7, 0.3]]))


def test_confidence_counts_where_nothing_is_declared() -> None:
    verdict = combine([number("a", 10, confidence=0.9), number("b", 20, confidence=0.1)])
    assert numbers(verdict.answer) == pytest.approx([11])


def test_confidence_can_be_asked_for_in_spite_of_weights() -> None:
    ballots = [number("a", 10, weight=1, confidence=0.9), number("b", 20, weight=9, confidence=0.1)]
    assert numbers(combine(ballots, Recipe(source=WeightSource.CONFIDENCE)).answer) == pytest.approx([11])
    assert numbers(combine(ballots, Recipe(source=WeightSource.DECLARED)).answer) == pytest.approx([19])
    assert numbers(
        combine(ballots, Recipe(source=WeightSource.DECLARED_TIMES_CONFIDENCE)).answer
    ) == pytest.approx([15])


def test_without_weights_and_confidence_there_is_no_weighted_average() -> None:
    with pytest.raises(CannotCombine, match=r"a, b gave no confidence, .*; declare weights"):
        combine([number("a", 10), number("b", 20)])
