"""Several answers to one. Each file exports `combine(ballots, source) -> Verdict`.

Ballots come in declared order, at least one; `source` says what a weighing method weighs by. Raises
CannotCombine where the answers do not fit together, or not the method.
"""

from collections.abc import Callable, Sequence

from services.aggregator.answers import Ballot, Verdict
from services.aggregator.combiners import average, max_confidence, vote, weighted_average
from services.aggregator.weights import WeightSource

Combiner = Callable[[Sequence[Ballot], WeightSource | None], Verdict]

COMBINERS: dict[str, Combiner] = {
    "vote": vote.combine,
    "average": average.combine,
    "weighted_average": weighted_average.combine,
    "max_confidence": max_confidence.combine,
}
# The methods that read weights; a weight source for another would be silently without effect.
WEIGHING = frozenset({"vote", "weighted_average"})

__all__ = ["COMBINERS", "WEIGHING", "Combiner"]
