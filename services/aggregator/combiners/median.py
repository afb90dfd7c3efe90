"""Weighted median of numbers, of tensors element by element, or of each label's probabilities.

    smallest x with share of members at most x >= 1/2; halfway to the next one where it is exactly 1/2

With equal weights it is the usual median. Shares are the declared weights, or the same for all where none
are declared. One wild member cannot move it far, which is what it is for.

Probabilities (the median rule): the medians of the labels are divided by their sum, as they need not sum to
1. Where members are sure of different labels every median is 0 and the rule has no answer: such rows have
the mean instead, and a note says how many. Labels, ties and members without probabilities are as in
`average`. An embedding has no median: coordinates mean nothing by themselves.

References: C. Edgeworth, On a new method of reducing observations, 1888 (weighted); J. Kittler et al., On
combining classifiers, IEEE PAMI 20 (1998), section 3.4 (the median rule).

>>> ballots = [Ballot(name, Numbers(np.array([x]))) for name, x in (("a", 10.0), ("b", 12.0), ("c", 900.0))]
>>> combine(ballots).answer.values.tolist()
[12.0]
"""

from collections.abc import Sequence

import numpy as np

from services.aggregator.answers import Ballot, Classes, Floats, Numbers, Tensors, Verdict
from services.aggregator.combiners.average import decide
from services.aggregator.combiners.elementwise import combine_tensors
from services.aggregator.combiners.panel import (
    LEVEL,
    answers,
    probabilities_of,
    refusal,
    uniform,
    union_of_labels,
)
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import WeightSource, shares


def combine(ballots: Sequence[Ballot], recipe: Recipe = PLAIN) -> Verdict:
    """The weighted median of each row."""
    uniform(ballots)
    weights = shares(ballots, recipe.source, WeightSource.EQUAL)
    untied = np.zeros(weights.shape[1], dtype=np.bool_)
    if numbers := answers(ballots, Numbers):
        values = np.stack([answer.values for answer in numbers])
        return Verdict(Numbers(weighted_median(values, weights)), weights, untied)
    if answers(ballots, Tensors):
        tensors = combine_tensors(ballots, weights, "median", weighted_median)
        return Verdict(tensors, weights, untied)
    if panel := answers(ballots, Classes):
        return _of_classes(ballots, panel, weights)
    raise refusal(ballots, "median")


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """[...] of `values` [members, ...] under `weights`, which broadcast to them and sum to 1 over the
    members."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    share = np.take_along_axis(np.broadcast_to(weights, values.shape), order, axis=0)
    reached = np.cumsum(share, axis=0)
    lower = (reached >= 0.5 - LEVEL).argmax(axis=0)
    upper = (reached > 0.5 + LEVEL).argmax(axis=0)
    ends = np.take_along_axis(ordered, np.stack([lower, upper]), axis=0)
    # Halved first: the sum of two huge numbers could be infinite.
    return np.asarray(np.where(lower == upper, ends[0], ends[0] / 2 + ends[1] / 2))


def _of_classes(ballots: Sequence[Ballot], panel: Sequence[Classes], weights: Floats) -> Verdict:
    labels = union_of_labels(panel)
    given = probabilities_of(panel, labels)
    pooled = weighted_median(given, weights[..., np.newaxis])
    lost = pooled.sum(axis=1) <= LEVEL
    if lost.any():
        pooled[lost] = np.einsum("mr,mrl->rl", weights, given)[lost]
    verdict = decide(ballots, panel, labels, pooled / pooled.sum(axis=1, keepdims=True), weights)
    if not lost.any():
        return verdict
    said = f"the medians of all labels are 0 in {lost.sum()} of {len(lost)} rows: the mean decided there"
    return Verdict(verdict.answer, weights, verdict.tied, (*verdict.notes, said))
