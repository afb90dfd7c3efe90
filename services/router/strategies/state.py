"""What a strategy may look at: the variants, and what has been learnt of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Allocation = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant as strategies see it. `weight` is 0 to 100, relative to the other eligible ones."""

    variant: str
    weight: float = 1.0
    eligible: bool = True


@dataclass(frozen=True, slots=True)
class RoutingState:
    """Everything an allocation depends on, besides the strategy's own parameters.

    `learnt` maps variants to the probabilities that feedback published; it may name variants that are gone
    and lack some that are new.
    """

    candidates: Sequence[Candidate]
    learnt: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float | str] = field(default_factory=dict)


def normalised(masses: Sequence[float], state: RoutingState) -> Allocation:
    """Masses of the eligible candidates, divided by their sum; all zero where nobody has any mass."""
    masked = [mass if one.eligible else 0.0 for mass, one in zip(masses, state.candidates, strict=True)]
    total = sum(masked)
    return tuple(mass / total for mass in masked) if total > 0 else (0.0,) * len(masked)
