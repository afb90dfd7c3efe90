"""Several answers to one. Each method's file exports `combine(ballots, recipe) -> Verdict`.

Ballots come in declared order, at least one; the recipe says what a weighing method weighs by, and holds what
a method needs besides the answers. Raises CannotCombine where the answers do not fit together, or not the
method.
"""

from collections.abc import Callable, Sequence

from services.aggregator.answers import Ballot, Verdict
from services.aggregator.combiners import (
    average,
    json_majority,
    log_pool,
    max_confidence,
    median,
    semantic_mean,
    stacking,
    vote,
    weighted_average,
)
from services.aggregator.combiners.kinds import TAKES
from services.aggregator.recipe import Recipe

Combiner = Callable[[Sequence[Ballot], Recipe], Verdict]

COMBINERS: dict[str, Combiner] = {
    "vote": vote.combine,
    "average": average.combine,
    "weighted_average": weighted_average.combine,
    "max_confidence": max_confidence.combine,
    "stacking": stacking.combine,
    "median": median.combine,
    "log_pool": log_pool.combine,
    "semantic_mean": semantic_mean.combine,
    "json_majority": json_majority.combine,
}
# The methods that read weights; a weight source for another would be silently without effect.
WEIGHING = frozenset({"vote", "weighted_average", "median", "log_pool", "semantic_mean", "json_majority"})

__all__ = ["COMBINERS", "TAKES", "WEIGHING", "Combiner"]
