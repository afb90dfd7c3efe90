"""Means of probabilities and numbers."""

import numpy as np
import pytest

from services.aggregator.answers import Ballot, Classes
from services.aggregator.combiners.average import combine
from tests.aggregator.ballots import label_of, likely, number, numbers, sure


def test_the_mean_decides_and_not_the_majority() -> None:
    """Two lukewarm voices against a certain one: a vote would say no."""
    ballots = [likely("a", no=0.55, yes=0.45), likely("b", no=0.55, yes=0.45), likely("c", no=0.02, yes=0.98)]
    assert label_of(combine(ballots).answer) == "yes"


def test_a_label_that_a_member_does_not_know_gets_nothing_from_it() -> None:
    answer = combine([likely("a", cat=0.8, dog=0.2), likely("b", dog=0.5, emu=0.5)]).answer
    assert isinstance(answer, Classes)
    assert answer.labels == ("cat", "dog", "emu")
    assert answer.probabilities == pytest.approx(np.array([[0.4, 0.35, 0.25]]))


def test_a_bare_label_counts_as_certain_and_is_noted() -> None:
    verdict = combine([likely("a", cat=0.9, dog=0.1), sure("b", "dog")])
    assert label_of(verdict.answer) == "dog"
    assert verdict.notes == ("b gave labels without probabilities; each counts as probability 1",)


def test_rescaled_probabilities_are_noted() -> None:
    spread = np.array([[0.4, 0.6]])
    rescaled = Ballot("a", Classes(("no", "yes"), spread.argmax(1), spread, rescaled=True))
    verdict = combine([rescaled, likely("b", no=0.3, yes=0.7)])
    assert verdict.notes == ("a gave probabilities that did not sum to 1; they were rescaled",)


def test_level_labels_go_to_the_one_that_members_chose() -> None:
    """A member with a threshold of its own says yes at 0.5; the mean must not turn that around."""
    half = np.array([[0.5, 0.5]])
    verdict = combine([Ballot("a", Classes(("no", "yes"), np.array([1]), half))])
    assert label_of(verdict.answer) == "yes"
    assert verdict.tied.all()


def test_declared_weights_have_no_say() -> None:
    verdict = combine([number("a", 1, weight=99), number("b", 3, weight=1)])
    assert numbers(verdict.answer).tolist() == [2]
    assert verdict.shares.ravel().tolist() == [0.5, 0.5]


def test_a_batch_of_numbers_is_averaged_by_row() -> None:
    assert numbers(combine([number("a", 1, 10), number("b", 3, 30)]).answer).tolist() == [2, 20]
