"""Normalised weighted product of probabilities: the logarithmic opinion pool.

    p(label)  proportional to  product over members of max(p(member, label), EPSILON) ^ share(member)

Shares are the declared weights, or the same for all where none are declared. Against a mean it keeps what
members agree on to rule out. A probability of 0 would be a veto that no other member could outvote, and so
would a label that a member does not know: both count as EPSILON. A member that gave only a label counts as
probability 1 for it, and EPSILON for the others; the verdict notes it. Ties are as in `average`. Numbers have
no probabilities to multiply.

Reference: C. Genest and J. Zidek, Combining probability distributions, Statistical Science 1 (1986).

>>> a, b = np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]])
>>> ballots = [Ballot(name, Classes(("no", "yes"), p.argmax(1), p)) for name, p in zip("ab", (a, b))]
>>> combine(ballots).answer.probabilities.round(3).tolist()
[[0.667, 0.333]]
"""

from collections.abc import Sequence

import numpy as np

from services.aggregator.answers import Ballot, Classes, Verdict
from services.aggregator.combiners.average import decide
from services.aggregator.combiners.panel import answers, probabilities_of, refusal, uniform, union_of_labels
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import WeightSource, shares

# One in a million: surer than any model has shown to be, and of five members still outvoted by the others.
EPSILON = 1e-6


def combine(ballots: Sequence[Ballot], recipe: Recipe = PLAIN) -> Verdict:
    """The weighted geometric mean of each row, divided by its sum."""
    uniform(ballots)
    panel = answers(ballots, Classes)
    if not panel:
        raise refusal(ballots, "log_pool")
    weights = shares(ballots, recipe.source, WeightSource.EQUAL)
    labels = union_of_labels(panel)
    logs = np.log(np.maximum(probabilities_of(panel, labels), EPSILON))
    pooled = np.einsum("mr,mrl->rl", weights, logs)
    # The greatest becomes 1 before the powers are taken: a thousand small ones must not all be 0.
    powers = np.exp(pooled - pooled.max(axis=1, keepdims=True))
    return decide(ballots, panel, labels, powers / powers.sum(axis=1, keepdims=True), weights)
