"""What a strategy may look at: the variants, what has been learnt and measured of them, and the moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Allocation = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant as strategies see it. `weight` is 0 to 100, relative to the other eligible ones."""

    variant: str
    weight: float = 1.0
    eligible: bool = True


class Measured(NamedTuple):
    """A metric of a variant's model, and the samples that it rests on."""

    value: float
    samples: int


# Under the empty name, what the strategy makes of the request; under a variant's, its score.
Scores = Mapping[str, float]

# What a model's price list says of a call: known before anybody has measured what calls cost.
DECLARED_COST = "declared_cost"
# Metrics of which less is better; of every other one, more is.
LESS_IS_BETTER = frozenset(
    {"log_loss", "mae", "rmse", "latency_p50", "latency_p95", "latency_p99", "error_rate", "cost"}
)


@dataclass(frozen=True, slots=True)
class RoutingState:
    """Everything an allocation depends on, besides the strategy's own parameters.

    `learnt` maps variants to the probabilities that feedback published; it may name variants that are gone
    and lack some that are new. `measured` maps variants to their model's metrics by name. `scores` is what is
    seen at the moment of a request: calls in flight or milliseconds, by variant; and under the empty name,
    what the strategy makes of the request itself.
    """

    candidates: Sequence[Candidate]
    learnt: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    measured: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)


def cost_of(measured: Mapping[str, Measured]) -> float | None:
    """What a call of a model costs: as measured, or as declared until it is; None where nobody says."""
    told = measured.get("cost") or measured.get(DECLARED_COST)
    return told.value if told is not None else None


def normalised(masses: Sequence[float], state: RoutingState) -> Allocation:
    """Masses of the eligible candidates, divided by their sum; all zero where nobody has any mass."""
    masked = [mass if one.eligible else 0.0 for mass, one in zip(masses, state.candidates, strict=True)]
    total = sum(masked)
    return tuple(mass / total for mass in masked) if total > 0 else (0.0,) * len(masked)
