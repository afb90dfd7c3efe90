"""Weighted plurality and its ties."""

import numpy as np
import pytest

from services.aggregator.answers import Ballot, Classes, Taken, Tensors
from services.aggregator.combiners.vote import combine
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import Recipe
from services.aggregator.weights import WeightSource
from tests.aggregator.ballots import label_of, likely, number, sure, text


def test_most_voices_win_where_no_weights_are_declared() -> None:
    verdict = combine([sure("a", "cat"), sure("b", "dog"), sure("c", "dog")])
    assert label_of(verdict.answer) == "dog"
    assert isinstance(verdict.answer, Classes)
    assert verdict.answer.labels == ("cat", "dog")
    assert verdict.answer.probabilities == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    assert not verdict.tied.any()


def test_weight_outvotes_heads() -> None:
    verdict = combine([sure("a", "cat", 3), sure("b", "dog", 1), sure("c", "dog", 1)])
    assert label_of(verdict.answer) == "cat"
    assert verdict.shares.ravel() == pytest.approx([0.6, 0.2, 0.2])


def test_confidence_settles_a_tie_and_the_tie_is_told() -> None:
    verdict = combine([likely("a", cat=0.6, dog=0.4), likely("b", cat=0.1, dog=0.9)])
    assert label_of(verdict.answer) == "dog"
    assert verdict.tied.all()


def test_the_declared_order_settles_what_confidence_cannot() -> None:
    ballots = [sure("a", "dog"), sure("b", "cat"), sure("c", "cat"), sure("d", "dog")]
    assert label_of(combine(ballots).answer) == "dog"
    assert label_of(combine(ballots[1:3] + ballots[:1] + ballots[3:]).answer) == "cat"


def test_weights_that_are_level_on_paper_are_a_tie() -> None:
    """0.1 + 0.2 is greater than 0.3 in floating point; the confident member must still win the tie."""
    ballots = [sure("a", "cat", 0.1, 0.5), sure("b", "cat", 0.2, 0.5), sure("c", "dog", 0.3, 0.9)]
    verdict = combine(ballots)
    assert verdict.tied.all()
    assert label_of(verdict.answer) == "dog"


def test_confidence_can_be_what_votes_weigh() -> None:
    ballots = [
        sure("a", "cat", confidence=0.9),
        sure("b", "dog", confidence=0.4),
        sure("c", "dog", confidence=0.4),
    ]
    assert label_of(combine(ballots).answer) == "dog"
    assert label_of(combine(ballots, Recipe(source=WeightSource.CONFIDENCE)).answer) == "cat"


def test_both_can_be_what_votes_weigh() -> None:
    ballots = [sure("a", "cat", 3, 0.3), sure("b", "dog", 1, 1.0)]
    assert combine(
        ballots, Recipe(source=WeightSource.DECLARED_TIMES_CONFIDENCE)
    ).shares.ravel() == pytest.approx([0.9 / 1.9, 1 / 1.9])


def test_texts_vote_by_what_they_say() -> None:
    verdict = combine([text("a", "Paris"), text("b", "Lyon\n"), text("c", " Lyon")])
    assert verdict.answer == Taken(1)
    assert not verdict.tied.any()


def test_numbers_and_tensors_have_no_plurality() -> None:
    with pytest.raises(
        CannotCombine, match="vote takes labels, text, json or tool calls, and a answered with numbers; "
    ):
        combine([number("a", 1)])
    with pytest.raises(CannotCombine, match="a answered with tensors; for tensors use average, "):
        combine([Ballot("a", Tensors({"x": np.zeros(1)}))])


def test_weighing_by_confidence_names_the_members_that_gave_none() -> None:
    with pytest.raises(CannotCombine, match="b gave no confidence"):
        combine([sure("a", "cat", confidence=1), sure("b", "cat")], Recipe(source=WeightSource.CONFIDENCE))


def test_who_declared_no_weight_among_others_has_one() -> None:
    assert combine([sure("a", "cat"), sure("b", "cat", 3)]).shares.ravel().tolist() == [0.25, 0.75]
