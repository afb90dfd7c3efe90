"""Mean of probabilities over the union of the members' labels, or mean of numbers; everybody counts alike.

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

from services.aggregator.answers import Ballot, Classes, Floats, Integers, Numbers, Verdict
from services.aggregator.combiners.panel import (
    answers,
    leaders,
    probabilities_of,
    refusal,
    uniform,
    union_of_labels,
    votes_of,
)
from services.aggregator.weights import WeightSource, equal_shares


def combine(ballots: Sequence[Ballot], _source: WeightSource | None = None) -> Verdict:
    """The plain mean of each row; weights have no say in it."""
    uniform(ballots)
    return pool(ballots, equal_shares(ballots), "average")


def pool(ballots: Sequence[Ballot], weights: Floats, method: str) -> Verdict:
    """The mean under `weights` [members, rows] of a uniform panel of classes or numbers."""
    if numbers := answers(ballots, Numbers):
        values = np.stack([answer.values for answer in numbers])
        mean = (weights * values).sum(axis=0)
        return Verdict(Numbers(mean), weights, np.zeros(len(mean), dtype=np.bool_))
    if panel := answers(ballots, Classes):
        return _pool_classes(ballots, panel, weights)
    raise refusal(ballots, method, "classes or numbers")


def _pool_classes(ballots: Sequence[Ballot], panel: Sequence[Classes], weights: Floats) -> Verdict:
    labels = union_of_labels(panel)
    mean = np.einsum("mr,mrl->rl", weights, probabilities_of(panel, labels))
    leading = leaders(mean)
    # At exactly one half binary models say yes, and the first label may be no: ask what they chose.
    support = np.einsum("mr,mrl->rl", weights, votes_of(panel, labels))
    chosen: Integers = (leading & leaders(support, among=leading)).argmax(axis=1)
    return Verdict(Classes(labels, chosen, mean), weights, leading.sum(axis=1) > 1, _notes(ballots, panel))


def _notes(ballots: Sequence[Ballot], panel: Sequence[Classes]) -> tuple[str, ...]:
    certain = [
        ballot.member for ballot, answer in zip(ballots, panel, strict=True) if answer.probabilities is None
    ]
    if not certain:
        return ()
    return (f"{', '.join(certain)} gave labels without probabilities; each counts as probability 1",)
