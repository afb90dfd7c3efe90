"""Agreement, dispersion and dissent."""

import doctest
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import pdist

from services.aggregator.agreement import agreement, cosine_distance, dispersion, dissenting, distance
from services.aggregator.answers import Ballot, Classes, Numbers, Structure, Tensors, Text, Vectors
from services.aggregator.canonical import Json
from services.aggregator.combiners import COMBINERS
from services.aggregator.recipe import PLAIN, Options, Recipe
from services.aggregator.tolerance import Tolerance
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


def test_texts_and_structures_agree_by_what_they_mean() -> None:
    said: list[Json] = [{"x": 1.0}, {"x": 1}, {}]
    panel = [Ballot(name, Structure(value)) for name, value in zip("abc", said, strict=True)]
    found = agreement(panel)
    assert found is not None
    assert found == pytest.approx([1 / 3])
    assert dissenting(panel, COMBINERS["vote"](panel, PLAIN)) == ("c",)


def test_numbers_within_tolerance_agree_and_do_not_dissent() -> None:
    panel = [Ballot(name, Structure({"x": x})) for name, x in (("a", 1.0), ("b", 1.04), ("c", 2.0))]
    near = Tolerance(absolute=0.1)
    recipe = Recipe("json_majority", options=Options(tolerance=near))
    verdict = COMBINERS["json_majority"](panel, recipe)
    assert dissenting(panel, verdict, near) == ("c",)
    assert dissenting(panel, verdict) == ("b", "c")
    found = agreement(panel, near)
    assert found is not None
    assert found == pytest.approx([1 / 3])


def test_a_merged_structure_has_dissenters_too() -> None:
    rows = ((1, 1), (1, 2), (2, 2), (1, 2))
    panel = [Ballot(f"m{at}", Structure({"x": x, "y": y})) for at, (x, y) in enumerate(rows)]
    recipe = Recipe("json_majority", options=Options(by_field=True))
    assert dissenting(panel, COMBINERS["json_majority"](panel, recipe)) == ("m0", "m2")


def test_the_distance_of_embeddings_is_scipys_mean_over_pairs() -> None:
    vectors = np.random.default_rng(2).normal(size=(5, 3, 7))
    found = distance([Ballot(f"m{at}", Vectors(each)) for at, each in enumerate(vectors)])
    assert found is not None
    for row in range(3):
        assert found[row] == pytest.approx(pdist(vectors[:, row], "cosine").mean())


def test_embeddings_that_cannot_be_compared_have_no_distance() -> None:
    one = Ballot("a", Vectors(np.ones((1, 2))))
    assert distance([one]) is None
    assert distance([one, Ballot("b", Vectors(np.ones((1, 3))))]) is None
    assert distance([one, sure("b", "x")]) is None
    assert cosine_distance(np.array([[1.0, 0.0], [0.0, 0.0]])) == pytest.approx(1)


def test_the_examples_are_true() -> None:
    result = doctest.testmod(
        sys.modules[agreement.__module__], extraglobs={"np": np, "Numbers": Numbers, "Text": Text}
    )
    assert result.attempted > 1
    assert result.failed == 0
