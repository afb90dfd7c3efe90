"""The most confident member answers."""

import numpy as np
import pytest

from services.aggregator.answers import Ballot, Classes, Taken, Tensors
from services.aggregator.combiners.max_confidence import combine
from services.aggregator.errors import CannotCombine
from tests.aggregator.ballots import label_of, likely, number, sure, text


def test_the_most_confident_member_answers_with_its_own_probabilities() -> None:
    verdict = combine([likely("a", cat=0.7, dog=0.3), likely("b", dog=0.8, emu=0.2)])
    assert isinstance(verdict.answer, Classes)
    assert verdict.answer.names == ["dog"]
    assert verdict.answer.labels == ("cat", "dog", "emu")
    assert verdict.answer.probabilities == pytest.approx(np.array([[0, 0.8, 0.2]]))
    assert verdict.shares.ravel().tolist() == [0, 1]


def test_each_row_has_a_winner_of_its_own() -> None:
    labels, rows = ("no", "yes"), np.arange(2)
    left = np.array([[0.9, 0.1], [0.6, 0.4]])
    right = np.array([[0.2, 0.8], [0.3, 0.7]])
    ballots = [
        Ballot(name, Classes(labels, p.argmax(1), p), None, p.max(1))
        for name, p in (("a", left), ("b", right))
    ]
    verdict = combine(ballots)
    assert isinstance(verdict.answer, Classes)
    assert verdict.answer.names == ["no", "yes"]
    assert verdict.shares[:, rows].tolist() == [[1, 0], [0, 1]]


def test_level_members_that_differ_are_a_tie_for_the_first() -> None:
    verdict = combine([sure("a", "cat", confidence=0.8), sure("b", "dog", confidence=0.8)])
    assert label_of(verdict.answer) == "cat"
    assert verdict.tied.all()


def test_level_members_that_say_the_same_are_no_tie() -> None:
    assert not combine([sure("a", "cat", confidence=0.8), sure("b", "cat", confidence=0.8)]).tied.any()
    assert not combine([number("a", 2, confidence=0.8), number("b", 2, confidence=0.8)]).tied.any()
    assert not combine([text("a", "hi", 0.8), text("b", "hi ", 0.8)]).tied.any()


def test_a_winner_without_probabilities_leaves_none() -> None:
    answer = combine([likely("a", cat=0.7, dog=0.3), sure("b", "dog", confidence=0.9)]).answer
    assert isinstance(answer, Classes)
    assert answer.names == ["dog"]
    assert answer.probabilities is None


def test_texts_and_structures_are_taken_whole() -> None:
    verdict = combine([text("a", "maybe", 0.4), text("b", "surely", 0.9)])
    assert verdict.answer == Taken(1)
    level = np.array([0.5])
    whole = Tensors({"x": np.zeros(2)})
    wholes = [Ballot("a", whole, None, level), Ballot("b", whole, None, level)]
    assert combine(wholes).answer == Taken(0)
    assert combine(wholes).tied.all()


def test_a_member_without_confidence_cannot_take_part() -> None:
    with pytest.raises(CannotCombine, match="b gave no confidence"):
        combine([likely("a", cat=1.0), sure("b", "cat")])
