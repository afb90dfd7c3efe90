"""The answer nearest the centroid of all answers' embeddings.

    centroid = sum over members of share(member) * v(member) / |v(member)|
    winner   = argmax over members of cosine(v(member), centroid)

Embeddings are the recipe's `vectors`, of texts, structures or tool calls; where the members are embedding
models their answers are the vectors, row by row. Shares are the declared weights, or the same for all where
none are declared. Level members: the first in declared order wins, and the row counts as tied if they point
in different directions. The verdict's confidence is the winner's cosine, with 0 for anything below: 1 where
all answers mean the same, about 0.7 where two are unrelated, 0 where they cancel each other out.

Reference: J. Rocchio, Relevance feedback in information retrieval, 1971 (centroids of unit vectors).

>>> ballots = [Ballot(name, Text(name)) for name in ("Paris", "Paris, France", "a fish")]
>>> vectors = np.array([[1.0, 0.1], [1.0, 0.3], [0.0, 1.0]])
>>> combine(ballots, Recipe("semantic_mean", options=Options(vectors=vectors))).answer
Taken(ballot=1)
"""

from collections.abc import Sequence

import numpy as np

from services.aggregator.answers import Ballot, Flags, Floats, Taken, Vectors, Verdict, kind_of
from services.aggregator.combiners.elementwise import check_dimensions
from services.aggregator.combiners.kinds import TAKES
from services.aggregator.combiners.panel import LEVEL, answers, refusal, uniform
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import WeightSource, shares


def combine(ballots: Sequence[Ballot], recipe: Recipe = PLAIN) -> Verdict:
    """The most representative answer of each row."""
    uniform(ballots)
    if kind_of(ballots[0].answer) not in TAKES["semantic_mean"]:
        raise refusal(ballots, "semantic_mean")
    embedded = answers(ballots, Vectors)
    vectors = _stacked(ballots, embedded) if embedded else _given(ballots, recipe.options.vectors)
    weights = shares(ballots, recipe.source, WeightSource.EQUAL)
    units = vectors / _lengths(ballots, vectors)
    centroid = (weights[..., np.newaxis] * units).sum(axis=0)
    length = np.linalg.norm(centroid, axis=-1)
    # Opposite answers leave a centroid of rounding errors, whose direction means nothing.
    sound = np.where(length > LEVEL, length, np.inf)
    cosines = np.einsum("mrd,rd->mr", units, centroid) / sound
    # Whoever has no weight is not chosen, as in a vote.
    eligible = np.where(weights > 0, cosines, -np.inf)
    leading = eligible >= eligible.max(axis=0) - LEVEL
    winner = leading.argmax(axis=0)
    rows = np.arange(len(winner))
    confidence = np.clip(cosines[winner, rows], 0, 1)
    tied = _apart(units, leading, units[winner, rows])
    answer = Vectors(vectors[winner, rows]) if embedded else Taken(int(winner[0]))
    return Verdict(answer, weights, tied, confidence=confidence)


def _apart(units: Floats, leading: Flags, chosen: Floats) -> Flags:
    """[rows]: whether a leading member points elsewhere than the chosen one."""
    elsewhere = np.linalg.norm(units - chosen, axis=-1) > LEVEL
    return np.asarray(np.any(leading & elsewhere, axis=0))


def _stacked(ballots: Sequence[Ballot], panel: Sequence[Vectors]) -> Floats:
    check_dimensions(ballots, panel)
    return np.stack([answer.values for answer in panel])


def _given(ballots: Sequence[Ballot], vectors: Floats | None) -> Floats:
    """[members, 1, dimension]."""
    if vectors is None:
        raise CannotCombine("semantic_mean needs an embedding of every answer; name an embedding model")
    if vectors.ndim != 2 or len(vectors) != len(ballots) or not vectors.shape[1]:
        said = f"one vector per answer expected, {len(ballots)} in all; got the shape {list(vectors.shape)}"
        raise CannotCombine(f"semantic_mean: {said}")
    return vectors[:, np.newaxis].astype(np.float64)


def _lengths(ballots: Sequence[Ballot], vectors: Floats) -> Floats:
    """[members, rows, 1]. Raises CannotCombine naming the members whose vectors have no direction."""
    lengths = np.asarray(np.linalg.norm(vectors, axis=-1, keepdims=True))
    sound = np.all((lengths > 0) & np.isfinite(lengths), axis=(1, 2))
    if not sound.all():
        named = ", ".join(ballot.member for ballot, fine in zip(ballots, sound, strict=True) if not fine)
        said = f"the embeddings of {named} have no direction: finite vectors of a length above 0 expected"
        raise CannotCombine(said, members=named)
    return lengths
