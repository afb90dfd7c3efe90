"""What a panel would have decided without one of its members."""

import numpy as np
import pytest

from services.aggregator.answers import Ballot, Structure, Tensors, Vectors
from services.aggregator.combiners import COMBINERS
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import PLAIN, Options, Recipe
from services.aggregator.tolerance import Tolerance
from services.aggregator.worth import worth
from tests.aggregator.ballots import likely, number, sure, text


def changed(ballots: list[Ballot], method: str, **kwargs: Tolerance) -> dict[str, list[bool]]:
    found = worth(ballots, Recipe(method), COMBINERS[method], **kwargs)
    return {one.member: one.changed.tolist() for one in found}


def test_in_a_clear_vote_nobody_alone_is_worth_anything() -> None:
    assert changed([sure(name, "x") for name in "abc"], "vote") == {"a": [False], "b": [False], "c": [False]}


def test_who_tips_the_scales_changes_the_verdict() -> None:
    ballots = [sure("a", "x"), sure("b", "y"), sure("c", "y")]
    # Without b or c it is a tie, and the declared order decides.
    assert changed(ballots, "vote") == {"a": [False], "b": [True], "c": [True]}


def test_a_member_of_no_weight_is_worth_nothing() -> None:
    ballots = [sure("a", "x", 1.0), sure("b", "y", 0.0), sure("c", "y", 0.4)]
    assert changed(ballots, "vote") == {"a": [True], "b": [False], "c": [False]}


def test_every_row_of_a_batch_is_told() -> None:
    ballots = [number("a", 1, 5), number("b", 1, 7), number("c", 1, 6)]
    assert changed(ballots, "average") == {"a": [False, True], "b": [False, True], "c": [False, False]}


def test_what_the_method_takes_as_the_same_is_no_other_verdict() -> None:
    ballots = [Ballot(name, Structure({"x": x})) for name, x in (("a", 1.0), ("b", 1.04), ("c", 1.08))]
    recipe = Recipe("json_majority", options=Options(tolerance=Tolerance(absolute=0.1)))
    found = worth(ballots, recipe, COMBINERS["json_majority"])
    # The middle one is served; without it another that says the same.
    assert [one.changed.tolist() for one in found] == [[False]] * 3


def test_numbers_change_by_more_than_the_tolerance() -> None:
    ballots = [number("a", 10), number("b", 10.2), number("c", 40)]
    found = changed(ballots, "median", tolerance=Tolerance(absolute=1))
    assert found == {"a": [True], "b": [True], "c": [False]}


def test_without_its_only_member_there_is_no_verdict() -> None:
    assert changed([sure("a", "x")], "vote") == {"a": [True]}


def test_a_panel_that_cannot_decide_without_a_member_needs_it() -> None:
    ballots = [sure("a", "x", 1.0), sure("b", "x", 0.0)]
    assert changed(ballots, "vote") == {"a": [True], "b": [False]}


def test_a_panel_without_a_verdict_has_no_worth_to_tell() -> None:
    with pytest.raises(CannotCombine):
        worth([sure("a", "x"), number("b", 1)], PLAIN, COMBINERS["average"])


def test_embeddings_go_with_their_answers() -> None:
    ballots = [text("a", "Paris"), text("b", "Paris, France"), text("c", "a fish")]
    vectors = np.array([[1.0, 0.1], [1.0, 0.3], [0.0, 1.0]])
    recipe = Recipe("semantic_mean", options=Options(vectors=vectors))
    found = worth(ballots, recipe, COMBINERS["semantic_mean"])
    assert [bool(one.changed[0]) for one in found] == [False, True, True]


def test_structures_tensors_and_embeddings_are_compared_too() -> None:
    structures = [Ballot(name, Structure({"x": x})) for name, x in (("a", 2), ("b", 1), ("c", 1.0))]
    assert changed(structures, "json_majority") == {"a": [False], "b": [True], "c": [True]}
    values = {"a": 1.0, "b": 2.0, "c": 3.0}
    tensors = [Ballot(name, Tensors({"x": np.array([x])})) for name, x in values.items()]
    assert changed(tensors, "average") == {"a": [True], "b": [False], "c": [True]}
    rows = [Ballot(name, Vectors(np.array([[1.0], [x]]))) for name, x in values.items()]
    assert changed(rows, "average") == {"a": [False, True], "b": [False, False], "c": [False, True]}


def test_another_order_of_labels_is_no_change() -> None:
    ballots = [likely("a", x=0.1, y=0.9), likely("b", y=0.8, x=0.2)]
    assert changed(ballots, "average") == {"a": [False], "b": [False]}
