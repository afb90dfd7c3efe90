"""Meta-models over the members' answers: the columns that they read, and what comes of it."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from services.aggregator.answers import Ballot, Classes, Numbers
from services.aggregator.combiners.stacking import apply, combine, design_matrix
from services.aggregator.errors import CannotCombine
from services.aggregator.learnt import Layout, Learnt
from services.aggregator.recipe import Options, Recipe
from tests.aggregator.ballots import label_of, likely, number, numbers, sure

LABELS = ("ash", "birch", "cedar")
MEMBERS = ("a", "b", "c")


def panel(rng: np.random.Generator, rows: int) -> list[Ballot]:
    """Three classifiers that list the labels in different orders."""
    ballots = []
    for place, member in enumerate(MEMBERS):
        order = [*LABELS[place:], *LABELS[:place]]
        spread = rng.dirichlet(np.ones(3), size=rows)
        ballots.append(Ballot(member, Classes(tuple(order), spread.argmax(axis=1), spread)))
    return ballots


def test_columns_are_members_by_labels_whatever_order_answers_came_in() -> None:
    layout = Layout(("b", "a"), ("no", "yes"))
    ballots = [likely("a", yes=0.9, no=0.1), likely("b", no=0.3, yes=0.7)]
    assert layout.columns == ("b:no", "b:yes", "a:no", "a:yes")
    expected = [[0.3, 0.7, 0.1, 0.9]]
    assert design_matrix(ballots, layout) == pytest.approx(np.array(expected))
    assert design_matrix(ballots[::-1], layout) == pytest.approx(np.array(expected))


def test_absent_members_hold_the_fill_and_strangers_are_left_out() -> None:
    layout = Layout(("a", "b"), ("no", "yes"))
    ballots = [likely("b", no=0.3, yes=0.7), likely("z", no=1.0)]
    assert np.isnan(design_matrix(ballots, layout)[0, :2]).all()
    assert design_matrix(ballots, layout, fill=0.5).tolist() == [[0.5, 0.5, 0.3, 0.7]]


def test_labels_beyond_the_layout_are_left_out_and_unknown_ones_are_zero() -> None:
    layout = Layout(("a", "b"), ("yes", "no"))
    ballots = [likely("a", no=0.2, maybe=0.8), sure("b", "yes")]
    assert design_matrix(ballots, layout).tolist() == [[0, 0.2, 1, 0]]


def test_numbers_are_columns_as_they_are() -> None:
    layout = Layout(("a", "b"))
    assert layout.columns == ("a", "b")
    assert design_matrix([number("b", 3, 4), number("a", 1, 2)], layout).tolist() == [[1, 3], [2, 4]]


def test_a_softmax_gives_what_scikit_learn_gives() -> None:
    rng = np.random.default_rng(2)
    train, test = panel(rng, 200), panel(rng, 50)
    layout = Layout(MEMBERS, LABELS)
    truth = [LABELS[place] for place in rng.integers(0, 3, 200)]
    reference = LogisticRegression().fit(design_matrix(train, layout), truth)
    assert tuple(reference.classes_) == LABELS
    means = design_matrix(train, layout).mean(axis=0)
    learnt = Learnt(MEMBERS, LABELS, reference.coef_, reference.intercept_, means)
    verdict = combine(test, Recipe("stacking", options=Options(learnt=learnt)))
    assert isinstance(verdict.answer, Classes)
    expected = reference.predict_proba(design_matrix(test, layout))
    assert verdict.answer.probabilities == pytest.approx(expected)
    assert verdict.answer.names == reference.predict(design_matrix(test, layout)).tolist()
    assert verdict.shares.shape == (3, 50)
    assert verdict.shares.sum(axis=0) == pytest.approx(1)


def test_two_labels_with_one_row_of_coefficients_are_stored_with_a_row_of_zeros() -> None:
    rng = np.random.default_rng(4)
    x = rng.dirichlet(np.ones(2), size=60)
    ballots = [Ballot("a", Classes(("no", "yes"), x.argmax(axis=1), x))]
    truth = (x[:, 1] + rng.normal(0, 0.3, 60) > 0.5).astype(int)
    reference = LogisticRegression().fit(x, truth)
    coefficients = np.vstack([np.zeros_like(reference.coef_), reference.coef_])
    intercept = np.array([0.0, reference.intercept_[0]])
    answer = apply(ballots, Learnt(("a",), ("no", "yes"), coefficients, intercept, x.mean(axis=0))).answer
    assert isinstance(answer, Classes)
    assert answer.probabilities == pytest.approx(reference.predict_proba(x))


def test_a_linear_model_gives_what_scikit_learn_gives() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(40, 2))
    reference = LinearRegression().fit(x, x @ [2.0, -1.0] + 5)
    intercept = np.array([reference.intercept_])
    learnt = Learnt(("a", "b"), (), reference.coef_[None], intercept, x.mean(axis=0), "linear")
    ballots = [Ballot("a", Numbers(x[:, 0])), Ballot("b", Numbers(x[:, 1]))]
    verdict = apply(ballots, learnt)
    assert numbers(verdict.answer) == pytest.approx(reference.predict(x))
    assert verdict.shares[:, 0] == pytest.approx([2 / 3, 1 / 3])


def linear(**changed: object) -> Learnt:
    """2a + b + 1, where a is 3 and b is 4 on average."""
    given = Learnt(("a", "b"), (), np.array([[2.0, 1.0]]), np.array([1.0]), np.array([3.0, 4.0]), "linear")
    return dataclasses.replace(given, **changed)  # type: ignore[arg-type]


def test_absent_members_have_their_means_and_a_note_says_so() -> None:
    verdict = apply([number("b", 10)], linear())
    assert numbers(verdict.answer).tolist() == [17]
    assert verdict.notes == ("a gave no answer; the meta-model took their means instead",)
    assert verdict.shares.tolist() == [[1]]


def test_a_member_that_the_model_does_not_know_has_no_say_and_a_note_says_so() -> None:
    verdict = apply([number("a", 1), number("b", 1), number("new", 99)], linear())
    assert numbers(verdict.answer).tolist() == [4]
    assert verdict.shares.ravel() == pytest.approx([2 / 3, 1 / 3, 0])
    assert "was not fitted on new" in verdict.notes[0]
    with pytest.raises(CannotCombine, match="fitted on a, b, and none of them answered"):
        apply([number("new", 99)], linear())


def test_a_model_that_listens_to_nobody_gives_its_intercept_and_equal_shares() -> None:
    verdict = apply([number("a", 1), number("b", 1)], linear(coefficients=np.zeros((1, 2))))
    assert numbers(verdict.answer).tolist() == [1]
    assert verdict.shares.ravel().tolist() == [0.5, 0.5]


def test_what_it_was_not_fitted_for_is_refused() -> None:
    with pytest.raises(CannotCombine, match="needs a meta-model: register one, or fit one"):
        combine([number("a", 1)])
    with pytest.raises(CannotCombine, match="fitted on numbers, and the members answered with labels"):
        apply([likely("a", yes=1.0)], linear())
    logits = Learnt(("a",), ("no", "yes"), np.eye(2), np.zeros(2), np.zeros(2))
    with pytest.raises(CannotCombine, match="fitted on labels, and the members answered with numbers"):
        apply([number("a", 1)], logits)
    assert label_of(apply([likely("a", no=0.1, yes=0.9)], logits).answer) == "yes"


def test_a_member_whose_labels_it_does_not_know_is_told() -> None:
    logits = Learnt(("a", "b"), ("no", "yes"), np.eye(4)[[0, 1]], np.zeros(2), np.zeros(4))
    strange = likely("a", nay=0.1, yea=0.9)
    (note,) = apply([strange, likely("b", no=0.1, yes=0.9)], logits).notes
    assert note == "of the labels that the meta-model reads (no, yes), a answered with none: it read zeros"
    assert apply([likely("a", no=0.1, yea=0.9), likely("b", yes=1.0)], logits).notes == ()
    with pytest.raises(CannotCombine, match="reads the labels no, yes, and nobody answered with one"):
        apply([strange, likely("new", yes=1.0)], logits)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"coefficients": np.ones((2, 2))}, r"coefficients: the shape \[1, 2\] expected, got \[2, 2\]"),
        ({"intercept": np.ones(2)}, r"intercept: the shape \[1\] expected"),
        ({"means": np.array([1.0, np.nan])}, "means: finite numbers expected"),
        ({"kind": "tree"}, "kind: softmax or linear expected, got 'tree'"),
        ({"kind": "softmax"}, "labels: at least one expected"),
        ({"members": ("a", "a")}, "members: each name once expected"),
        ({"members": ()}, "members: at least one expected"),
    ],
)
def test_a_meta_model_that_does_not_fit_its_layout_is_none(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        linear(**changed)
