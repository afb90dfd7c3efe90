"""Weighted mean of probabilities over the union of the members' labels, of numbers, or of tensors
and embeddings element by element.

    p(label) = sum over members of share(member) * p(member, label)

Shares are proportional to the declared weights where there are any, else to the confidence of each row's
answer, or to the product of both where the plan says so. Labels, ties and members without probabilities are
as in `average`.

Reference: L. Kuncheva, Combining Pattern Classifiers, 2nd edition 2014, chapter 5 (the weighted average).

>>> low, high = Numbers(np.array([10.0])), Numbers(np.array([20.0]))
>>> ballots = [Ballot("a", low, weight=3), Ballot("b", high, weight=1)]
>>> combine(ballots).answer.values.tolist()
[12.5]
"""

from collections.abc import Sequence

from services.aggregator.answers import Ballot, Verdict
from services.aggregator.combiners.average import pool
from services.aggregator.combiners.panel import uniform
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.weights import WeightSource, shares


def combine(ballots: Sequence[Ballot], recipe: Recipe = PLAIN) -> Verdict:
    """The weighted mean of each row."""
    uniform(ballots)
    return pool(ballots, shares(ballots, recipe.source, WeightSource.CONFIDENCE), "weighted_average")
