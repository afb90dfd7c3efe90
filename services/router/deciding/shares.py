"""Who gets which share: a strategy's allocation among those who may be chosen, then ramp, floor and cap.

Pure, so that a decision of the past can be computed again from what was stored of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from services.router.deciding.bounds import Growth, bounded, parts, ramped
from services.router.strategies import STRATEGIES, Allocation, Candidate, RoutingState
from services.router.strategies.state import Measured, Scores

NOTHING: Mapping[str, Any] = MappingProxyType({})
# They name their variants themselves: a weight says nothing to them. Elsewhere weight 0 means no traffic.
NAMING = frozenset({"canary", "shadow", "feature_based", "complexity", "ensemble"})
# They choose by something measured, and have nobody where no model keeps their bounds.
MEASURING = ("best_metric", "cost_aware")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a route is held to, from its configuration alone. Sequences are in the order of the router's
    variants.

    among: ids that it chooses from, None for all. default: the variant that answers where the strategy has
    nobody, empty if none does. growth: how newcomers grow, None if they do not.
    """

    strategy: str
    variants: Sequence[str]
    weights: Sequence[float]
    enabled: Sequence[bool]
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    among: frozenset[str] | None = None
    default: str = ""
    floor: float = 0.0
    cap: float = 1.0
    growth: Growth | None = None

    def may(self) -> tuple[bool, ...]:
        """Whether each variant may be chosen, as far as the configuration says."""
        naming = self.strategy in NAMING
        return tuple(
            enabled and (self.among is None or variant in self.among) and (naming or weight > 0)
            for variant, weight, enabled in zip(self.variants, self.weights, self.enabled, strict=True)
        )


class Known(NamedTuple):
    """What is known at the moment: whose models are in service, what was learnt and measured, the scores of
    the moment, and the wall clock in nanoseconds since 1970."""

    healthy: Sequence[bool]
    learnt: Mapping[str, float] = NOTHING
    measured: Mapping[str, Mapping[str, Measured]] = NOTHING
    scores: Scores = NOTHING
    now: int = 0


class Shares(NamedTuple):
    """Probability and eligibility of each variant; whether the default answers; whether health was ignored,
    because nobody healthy had a share."""

    allocation: Allocation
    able: Sequence[bool]
    by_default: bool = False
    ignored: bool = False


def shares(terms: Terms, known: Known) -> Shares:
    """The shares of a route. All are 0 for an ensemble, or if nobody may be chosen.

    Where the strategy has nobody who is healthy, the default answers if it is; else health is ignored: a sick
    model answers more than none.
    """
    may = terms.may()
    able = tuple(one and well for one, well in zip(may, known.healthy, strict=True))
    allocation = _allocated(terms, known, able)
    if any(allocation) or terms.strategy == "ensemble":
        return Shares(_held(terms, known, allocation, able), able)
    for well in (known.healthy, (True,) * len(may)):
        if (chosen := _default(terms, well)) is not None:
            return Shares(chosen, tuple(share > 0 for share in chosen), by_default=True)
        if able != may and any(anybody := _allocated(terms, known, may)):
            return Shares(_held(terms, known, anybody, may), may, ignored=True)
    return Shares(allocation, able)


def _allocated(terms: Terms, known: Known, able: Sequence[bool]) -> Allocation:
    # The weights are the last resort of strategies that find nobody: a default model goes before them.
    weights = terms.weights
    if terms.default and terms.strategy != "weighted":
        weights = (0.0,) * len(weights)
    candidates = [Candidate(*one) for one in zip(terms.variants, weights, able, strict=True)]
    state = RoutingState(candidates, known.learnt, terms.parameters, known.measured, known.scores)
    return STRATEGIES[terms.strategy](state)


def _default(terms: Terms, healthy: Sequence[bool]) -> Allocation | None:
    if not terms.default:
        return None
    named = replace(terms, strategy="shadow", parameters={"variant": terms.default}, among=None, default="")
    able = tuple(one and well for one, well in zip(named.may(), healthy, strict=True))
    chosen = _allocated(named, Known(healthy), able)
    return chosen if any(chosen) else None


def _held(terms: Terms, known: Known, allocation: Allocation, able: Sequence[bool]) -> Allocation:
    # The floor has the last word: it is what estimates of the future are made from.
    if terms.growth is not None:
        allocation = ramped(allocation, parts(terms.growth, known.now))
    if terms.floor > 0 or terms.cap < 1:
        allocation = bounded(allocation, able, terms.floor, terms.cap)
    return allocation
