"""The most representative of several answers."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from services.aggregator.answers import Ballot, Taken, Vectors, Verdict
from services.aggregator.combiners.semantic_mean import combine
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import Options, Recipe
from tests.aggregator.ballots import likely, text


def decide(ballots: list[Ballot], vectors: object) -> Verdict:
    return combine(ballots, Recipe("semantic_mean", options=Options(vectors=np.array(vectors))))


def texts(count: int, **declared: float) -> list[Ballot]:
    made = [text(f"m{place}", f"text {place}") for place in range(count)]
    return [Ballot(one.member, one.answer, declared.get(one.member)) for one in made]


def test_the_answer_nearest_the_centroid_is_taken_against_scipy() -> None:
    vectors = np.random.default_rng(3).normal(size=(6, 16))
    verdict = decide(texts(6), vectors)
    centroid = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
    distances = [cosine(vector, centroid) for vector in vectors]
    assert verdict.answer == Taken(int(np.argmin(distances)))
    assert verdict.confidence == pytest.approx([1 - min(distances)])
    assert verdict.shares.ravel() == pytest.approx(np.full(6, 1 / 6))


def test_the_length_of_an_embedding_has_no_say() -> None:
    vectors = np.array([[1, 0.2], [1, 0.1], [0, 1000.0]])
    assert decide(texts(3), vectors).answer == Taken(0)
    assert decide(texts(3), vectors * [[9], [1], [0.001]]).answer == Taken(0)


def test_weights_pull_the_centroid() -> None:
    vectors = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]
    assert decide(texts(3), vectors).answer == Taken(1)
    assert decide(texts(3, m0=1, m1=1, m2=50), vectors).answer == Taken(2)
    idle = decide(texts(3, m0=1, m1=0, m2=1), [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert idle.answer == Taken(0)


def test_two_that_differ_are_a_tie_for_the_first_and_two_alike_are_none() -> None:
    verdict = decide(texts(2), [[1.0, 0.0], [0.0, 1.0]])
    assert (verdict.answer, verdict.tied.tolist()) == (Taken(0), [True])
    assert verdict.confidence == pytest.approx([0.5**0.5])
    same = decide(texts(2), [[1.0, 2.0], [2.0, 4.0]])
    assert (same.answer, same.tied.tolist()) == (Taken(0), [False])
    assert same.confidence == pytest.approx([1])


def test_answers_that_cancel_each_other_out_leave_no_confidence() -> None:
    verdict = decide(texts(2), [[1.0, 0.1], [-1.0, -0.1]])
    assert (verdict.answer, verdict.tied.tolist()) == (Taken(0), [True])
    assert verdict.confidence is not None
    assert verdict.confidence.tolist() == [0]


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([[1.0, 0.0], [0.0, 0.0]], "the embeddings of m1 have no direction"),
        ([[float("nan"), 0.0], [float("inf"), 0.0]], "the embeddings of m0, m1 have no direction"),
        ([[1.0, 0.0]], r"one vector per answer expected, 2 in all; got the shape \[1, 2\]"),
        ([1.0, 0.0], r"got the shape \[2\]"),
        ([[], []], r"got the shape \[2, 0\]"),
    ],
)
def test_vectors_that_are_none_are_refused(vectors: object, said: str) -> None:
    with pytest.raises(CannotCombine, match=said):
        decide(texts(2), vectors)


def test_without_embeddings_there_is_no_meaning() -> None:
    with pytest.raises(CannotCombine, match="name an embedding model"):
        combine(texts(2))
    with pytest.raises(CannotCombine, match="semantic_mean takes text, json, tool calls or embedding, and a"):
        combine([likely("a", yes=1.0)])


def test_embedding_models_are_combined_by_themselves_row_by_row() -> None:
    rows = np.random.default_rng(1).normal(size=(3, 4, 8))
    verdict = combine([Ballot(f"m{place}", Vectors(rows[place])) for place in range(3)])
    assert isinstance(verdict.answer, Vectors)
    for row in range(4):
        alone = decide(texts(3), rows[:, row])
        assert isinstance(alone.answer, Taken)
        assert verdict.answer.values[row] == pytest.approx(rows[alone.answer.ballot, row])
    with pytest.raises(CannotCombine, match="different dimensions: a 2, b 3"):
        combine([Ballot("a", Vectors(np.ones((1, 2)))), Ballot("b", Vectors(np.ones((1, 3))))])
