"""The answer of the most confident member, row by row.

    winner(row) = argmax over members of confidence(member, row)

Level members: the first in declared order wins, and the row counts as tied if they answered differently. A
row's probabilities are its winner's; there are none where a winner gave none. Answers that cannot be cut into
rows (text, structures, tensors) are taken whole.

Reference: L. Kuncheva, Combining Pattern Classifiers, 2nd edition 2014, chapter 5 (the maximum rule).

>>> one, two = Numbers(np.array([1.0])), Numbers(np.array([2.0]))
>>> ballots = [Ballot("a", one, confidence=np.array([0.6])), Ballot("b", two, confidence=np.array([0.9]))]
>>> combine(ballots).answer.values.tolist()
[2.0]
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.aggregator.alike import alike
from services.aggregator.answers import (
    Ballot,
    Classes,
    Flags,
    Floats,
    Integers,
    Numbers,
    Taken,
    Vectors,
    Verdict,
)
from services.aggregator.combiners.elementwise import check_dimensions
from services.aggregator.combiners.panel import (
    answers,
    probabilities_of,
    uniform,
    union_of_labels,
    votes_of,
)
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import confidences


def combine(ballots: Sequence[Ballot], _recipe: Recipe = PLAIN) -> Verdict:
    """The most confident answer of each row; weights have no say in it."""
    uniform(ballots)
    confidence = confidences(ballots)
    return replace(_surest(ballots, confidence), confidence=confidence.max(axis=0))


def _surest(ballots: Sequence[Ballot], confidence: Floats) -> Verdict:
    winner = confidence.argmax(axis=0)
    # Exactly: these are numbers as members gave them, not sums that lost digits.
    level = confidence == confidence.max(axis=0)
    shares = (np.arange(len(ballots))[:, None] == winner).astype(np.float64)
    if numbers := answers(ballots, Numbers):
        values = np.stack([answer.values for answer in numbers])
        taken = values[winner, np.arange(values.shape[1])]
        return Verdict(Numbers(taken), shares, _differing(level, values != taken))
    if panel := answers(ballots, Classes):
        return _take_classes(panel, winner, level, shares)
    if vectors := answers(ballots, Vectors):
        return _take_vectors(ballots, vectors, winner, level, shares)
    return Verdict(Taken(int(winner[0])), shares, _tied_whole(ballots, level, int(winner[0])))


def _take_vectors(
    ballots: Sequence[Ballot], panel: Sequence[Vectors], winner: Integers, level: Flags, shares: Floats
) -> Verdict:
    check_dimensions(ballots, panel)
    values = np.stack([answer.values for answer in panel])
    taken = values[winner, np.arange(len(winner))]
    return Verdict(Vectors(taken), shares, _differing(level, np.any(values != taken, axis=2)))


def _take_classes(panel: Sequence[Classes], winner: Integers, level: Flags, shares: Floats) -> Verdict:
    labels = union_of_labels(panel)
    rows = np.arange(len(winner))
    voted = votes_of(panel, labels).argmax(axis=2)
    chosen = voted[winner, rows]
    doubtless = any(panel[member].probabilities is None for member in set(winner.tolist()))
    spread = None if doubtless else probabilities_of(panel, labels)[winner, rows]
    return Verdict(Classes(labels, chosen, spread), shares, _differing(level, voted != chosen))


def _tied_whole(ballots: Sequence[Ballot], level: Flags, winner: int) -> Flags:
    """Equal texts and structures are no tie; whether tensors are equal is not ours to see."""
    same = alike([ballot.answer for ballot in ballots])
    other = np.arange(len(ballots)) != winner if same is None else ~same[winner, :, 0]
    return _differing(level, other[:, None])


def _differing(level: Flags, differs: Flags) -> Flags:
    return np.asarray(np.any(level & differs, axis=0))
