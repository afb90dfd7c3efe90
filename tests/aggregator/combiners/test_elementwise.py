"""Tensors and embeddings, element by element."""

from typing import Any

import numpy as np
import pytest

from services.aggregator.answers import Ballot, Tensors, Vectors
from services.aggregator.combiners import COMBINERS
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import PLAIN

SINGLE = np.float32


def tensors(member: str, weight: float | None = None, **given: Any) -> Ballot:
    made = {name: np.asarray(each) for name, each in given.items()}
    return Ballot(member, Tensors(made), weight, np.array([0.5]))


def combined(method: str, *ballots: Ballot) -> Any:
    answer = COMBINERS[method](ballots, PLAIN).answer
    assert isinstance(answer, Tensors)
    return answer.tensors


def test_means_and_medians_are_numpys_in_the_members_own_type() -> None:
    rng = np.random.default_rng(1)
    given = rng.normal(size=(3, 2, 4)).astype(SINGLE)
    ballots = [tensors(f"m{place}", x=given[place], y=given[place, 0]) for place in range(3)]
    for method, expected in (("average", given.mean(axis=0)), ("median", np.median(given, axis=0))):
        found = combined(method, *ballots)
        assert list(found) == ["x", "y"]
        assert found["x"].dtype == SINGLE
        assert found["x"] == pytest.approx(expected, rel=1e-6)
        assert found["y"] == pytest.approx(expected[0], rel=1e-6)


def test_weights_count_in_the_weighted_mean() -> None:
    found = combined("weighted_average", tensors("a", 3.0, x=[1.0]), tensors("b", 1.0, x=[5.0]))
    assert found["x"].tolist() == [2]


def test_a_scalar_tensor_stays_one() -> None:
    assert combined("average", tensors("a", x=1.0), tensors("b", x=2.0))["x"].shape == ()


@pytest.mark.parametrize("method", ["average", "weighted_average", "median"])
@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ({"x": [1.0]}, {"y": [1.0]}, r"tensors of different names: a \[x\], b \[y\]"),
        ({"x": [1.0], "y": [1.0]}, {"x": [1.0]}, r"different names: a \[x, y\], b \[x\]"),
        ({"x": [1.0]}, {"x": [[1.0]]}, r"tensor 'x' in different shapes: a \[1\], b \[1, 1\]"),
        ({"x": [1.0]}, {"x": np.ones(1, SINGLE)}, "tensor 'x' in different types: a float64, b float32"),
        ({"x": [1]}, {"x": [2]}, "takes tensors of floating-point numbers, and 'x' has int64"),
        ({"x": [True]}, {"x": [True]}, "and 'x' has bool"),
        ({"x": [1.0]}, {"x": [np.nan]}, "finite numbers expected; tensor 'x' of b has others"),
    ],
)
def test_what_differs_is_named(method: str, left: Any, right: Any, said: str) -> None:
    with pytest.raises(CannotCombine, match=said):
        combined(method, tensors("a", **left), tensors("b", **right))


def test_embeddings_have_a_mean_for_each_row() -> None:
    panel = [
        Ballot("a", Vectors(np.array([[1.0, 0.0], [2.0, 2.0]])), 1.0),
        Ballot("b", Vectors(np.array([[0.0, 1.0], [4.0, 4.0]])), 3.0),
    ]
    for method, expected in (
        ("average", [[0.5, 0.5], [3, 3]]),
        ("weighted_average", [[0.25, 0.75], [3.5, 3.5]]),
    ):
        answer = COMBINERS[method](panel, PLAIN).answer
        assert isinstance(answer, Vectors)
        assert answer.values == pytest.approx(np.array(expected))
    with pytest.raises(CannotCombine, match="different dimensions: a 2, c 1"):
        COMBINERS["average"]([panel[0], Ballot("c", Vectors(np.ones((2, 1))))], PLAIN)


def test_the_most_confident_embedding_is_taken_for_each_row() -> None:
    panel = [
        Ballot("a", Vectors(np.array([[1.0], [2.0]])), None, np.array([0.9, 0.1])),
        Ballot("b", Vectors(np.array([[3.0], [4.0]])), None, np.array([0.2, 0.8])),
    ]
    answer = COMBINERS["max_confidence"](panel, PLAIN).answer
    assert isinstance(answer, Vectors)
    assert answer.values.tolist() == [[1], [4]]
