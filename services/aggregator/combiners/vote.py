"""Weighted plurality: the label with the most weight behind it.

    score(label) = sum over members of share(member) * [member chose label]

Shares are the declared weights, or the same for all where none are declared (then it is the plain majority
vote). Level leaders are told apart by the confidence behind them, sum of share * confidence (a member without
confidence counts 0), and after that by the declared order: the label whose first supporter comes first. The
scores are returned as the probabilities: shares of the vote, 1 in sum, not calibrated likelihoods. Texts are
labels of their own, equal but for white space around them, and so are structures and tool calls, equal once
they are canonical; the first supporter's is taken as it stands, and its share is the verdict's confidence. A
text is another answer than a call of a tool, and both than a label.

Reference: L. Kuncheva, Combining Pattern Classifiers, 2nd edition 2014, chapter 4 (weighted majority vote).

>>> ballots = [Ballot(name, Classes(("no", "yes"), np.array([pick]))) for name, pick in zip("abc", (1, 0, 1))]
>>> verdict = combine(ballots)
>>> verdict.answer.names, verdict.answer.probabilities.round(3).tolist()
(['yes'], [[0.333, 0.667]])
"""

from collections.abc import Sequence

import numpy as np

from services.aggregator.alike import voices
from services.aggregator.answers import Ballot, Classes, Flags, Floats, Integers, Taken, Verdict
from services.aggregator.combiners.panel import (
    answers,
    countable,
    known_confidence,
    leaders,
    refusal,
    union_of_labels,
    votes_of,
)
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import WeightSource, shares


def combine(ballots: Sequence[Ballot], recipe: Recipe = PLAIN) -> Verdict:
    """The plurality of each row; [members, rows, labels] at once."""
    countable(ballots)
    classes = answers(ballots, Classes)
    whole = len(classes) == len(ballots)
    panel = classes if whole else [_as_class(ballots, ballot) for ballot in ballots]
    weights = shares(ballots, recipe.source, WeightSource.EQUAL)
    labels = union_of_labels(panel)
    votes = votes_of(panel, labels)
    scores = np.einsum("mr,mrl->rl", weights, votes)
    leading = leaders(scores)
    chosen = _settle(votes, leading, weights * known_confidence(ballots))
    tied = leading.sum(axis=1) > 1
    if whole:
        return Verdict(Classes(labels, chosen, scores), weights, tied)
    supporter = int(votes[:, 0, chosen[0]].argmax())
    return Verdict(Taken(supporter), weights, tied, confidence=scores[0, chosen])


def _settle(votes: Floats, leading: Flags, conviction: Floats) -> Integers:
    """[rows]: of the leading labels the one with the most conviction, then the earliest supporter."""
    convinced = leaders(np.einsum("mr,mrl->rl", conviction, votes), among=leading)
    # Labels that nobody chose have no first supporter; they never lead, as somebody's share is above 0.
    first_supporter = votes.argmax(axis=0)
    candidates = np.where(leading & convinced, first_supporter, len(votes))
    return np.asarray(candidates.argmin(axis=1))


def _as_class(ballots: Sequence[Ballot], ballot: Ballot) -> Classes:
    said = voices(ballot.answer)
    if said is None:
        raise refusal(ballots, "vote")
    return Classes(tuple(said), np.zeros(1, dtype=np.int64))
