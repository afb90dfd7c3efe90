"""Agreement, dispersion and dissent."""

import doctest
import sys

import numpy as np
import pytest
from hypothesis import given, settings

from services.aggregator.agreement import agreement, dispersion, dissenting
from services.aggregator.answers import Ballot, Classes, Numbers, Tensors, Text
from services.aggregator.combiners import COMBINERS
from services.aggregator.recipe import PLAIN
from tests.aggregator.ballots import chosen, number, panels, sure, text

steady = settings(derandomize=True, deadline=None, max_examples=30)


def test_agreement_counts_pairs() -> None:
    found = agreement([sure(name, label) for name, label in zip("abcd", ("x", "x", "x", "y"), strict=True)])
    assert found is not None
    assert found.tolist() == [0.5]


@steady
@given(panel=panels(least=2))
def test_agreement_is_the_share_of_pairs_counted_one_by_one(panel: list[Ballot]) -> None:
    said = [chosen(ballot.answer) for ballot in panel]
    pairs = [(i, j) for i in range(len(said)) for j in range(i)]
    expected = np.mean([said[i] == said[j] for i, j in pairs], axis=0)
    assert agreement(panel) == pytest.approx(expected)


def test_one_member_neither_agrees_nor_spreads() -> None:
    assert agreement([sure("a", "x")]) is None
    assert dispersion([number("a", 1)]) is None


def test_numbers_spread_and_do_not_agree() -> None:
    panel = [number("a", 1, 5), number("b", 3, 5)]
    assert agreement(panel) is None
    found = dispersion(panel)
    assert found is not None
    assert found.tolist() == [1, 0]
    assert dissenting(panel, COMBINERS["average"](panel, PLAIN)) == ()


def test_classes_do_not_spread() -> None:
    assert dispersion([sure("a", "x"), sure("b", "y")]) is None


def test_tensors_are_not_compared() -> None:
    panel = [
        Ballot("a", Tensors({"x": np.zeros(1)}), None, np.array([0.1])),
        Ballot("b", Tensors({"x": np.ones(1)}), None, np.array([0.9])),
    ]
    assert agreement(panel) is None
    assert dissenting(panel, COMBINERS["max_confidence"](panel, PLAIN)) == ()


def test_dissenters_are_those_whose_answer_is_not_the_reply() -> None:
    panel = [sure("a", "x"), sure("b", "y"), sure("c", "x")]
    assert dissenting(panel, COMBINERS["vote"](panel, PLAIN)) == ("b",)
    texts = [text("a", "x"), text("b", "y "), text("c", "y")]
    assert dissenting(texts, COMBINERS["vote"](texts, PLAIN)) == ("a",)


def test_a_member_that_differs_in_one_row_of_many_dissents() -> None:
    labels = ("x", "y")
    panel = [
        Ballot(name, Classes(labels, np.array(picks)))
        for name, picks in (("a", [0, 0]), ("b", [0, 1]), ("c", [0, 0]))
    ]
    assert dissenting(panel, COMBINERS["vote"](panel, PLAIN)) == ("b",)
    found = agreement(panel)
    assert found is not None
    assert found == pytest.approx([1, 1 / 3])


def test_the_examples_are_true() -> None:
    result = doctest.testmod(
        sys.modules[agreement.__module__], extraglobs={"np": np, "Numbers": Numbers, "Text": Text}
    )
    assert result.attempted > 1
    assert result.failed == 0
