"""Mean of probabilities over the union of the members' labels, or mean of numbers, of tensors of floats and
of embeddings element by element; everybody counts alike.

    p(label) = sum over members of share(member) * p(member, label),   share = 1 / members

A member that does not know a label gives it probability 0. A member that gave only a label counts as
probability 1 for it: whoever voices no doubt has none in the mean; the verdict notes it. The answer is the
label with the highest mean; level labels are told apart by how much weight chose them, then by the declared
order. Members' own thresholds shape their own labels only.

Reference: L. Kuncheva, Combining Pattern Classifiers, 2nd edition 2014, chapter 5 (the mean rule).

>>> sure, unsure = np.array([[0.1, 0.9]]), np.array([[0.6, 0.4]])
>>> ballots = [Ballot(name, Classes(("no", "yes"), p.argmax(1), p)) for name, p in zip("ab", (sure, unsure))]
>>> verdict = combine(ballots)
>>> verdict.answer.names, verdict.answer.probabilities.round(3).tolist()
(['yes'], [[0.35, 0.65]])
"""

from collections.abc import Sequence

import numpy as np

from services.aggregator.answers import (
    Ballot,
    Classes,
    Floats,
    Integers,
    Numbers,
    Tensors,
    Vectors,
    Verdict,
)
from services.aggregator.combiners.elementwise import combine_tensors, combine_vectors, mean
from services.aggregator.combiners.panel import (
    answers,
    leader_of_one,
    leaders,
    probabilities_of,
    refusal,
    remarks,
    uniform,
    union_of_labels,
    votes_of,
)
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import equal_shares


def combine(ballots: Sequence[Ballot], _recipe: Recipe = PLAIN) -> Verdict:
    """The plain mean of each row; weights have no say in it."""
    uniform(ballots)
    return pool(ballots, equal_shares(ballots), "average")


def pool(ballots: Sequence[Ballot], weights: Floats, method: str) -> Verdict:
    """The mean under `weights` [members, rows] of a uniform panel of classes, numbers, tensors or
    embeddings."""
    untied = np.zeros(weights.shape[1], dtype=np.bool_)
    if numbers := answers(ballots, Numbers):
        values = np.stack([answer.values for answer in numbers])
        return Verdict(Numbers(mean(values, weights)), weights, untied)
    if panel := answers(ballots, Classes):
        return _pool_classes(ballots, panel, weights)
    if answers(ballots, Tensors):
        return Verdict(combine_tensors(ballots, weights, method, mean), weights, untied)
    if answers(ballots, Vectors):
        return Verdict(combine_vectors(ballots, weights), weights, untied)
    raise refusal(ballots, method)


def _pool_classes(ballots: Sequence[Ballot], panel: Sequence[Classes], weights: Floats) -> Verdict:
    labels = union_of_labels(panel)
    pooled = np.einsum("mr,mrl->rl", weights, probabilities_of(panel, labels))
    return decide(ballots, panel, labels, pooled, weights)


def decide(
    ballots: Sequence[Ballot],
    panel: Sequence[Classes],
    labels: tuple[str, ...],
    pooled: Floats,
    weights: Floats,
) -> Verdict:
    """The label of the highest of the `pooled` probabilities [rows, labels], however they were pooled."""
    if (ahead := leader_of_one(pooled)) is not None:
        return Verdict(Classes(labels, ahead, pooled), weights, np.zeros(1, dtype=np.bool_), remarks(ballots))
    leading = leaders(pooled)
    # Of few rows the methods, sum() and any(), take longer than what they call.
    tied = np.add.reduce(leading, axis=1) > 1
    if np.count_nonzero(tied):
        # At exactly one half binary models say yes, and the first label may be no: ask what they chose.
        support = np.einsum("mr,mrl->rl", weights, votes_of(panel, labels))
        leading &= leaders(support, among=leading)
    chosen: Integers = leading.argmax(axis=1)
    return Verdict(Classes(labels, chosen, pooled), weights, tied, remarks(ballots))
