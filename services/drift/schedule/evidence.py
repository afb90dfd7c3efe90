"""What the looks of an epoch prove together.

Of each hypothesis ("this feature, in this segment, is as it was") the sum of w e over the looks so far, where
e is a look's e-value and the weights w of an epoch add up to 1. Under the hypothesis the mean of the whole
sum is at most 1 under any dependence between the looks, which share a baseline and may share rows; and as it
never falls, whoever stops at any look has at most what the end of the epoch has. A product of e-values would
not do: against one fixed, finite baseline the looks are not independent.

The weights are uniform, 1/K for K looks: drift may begin at any of them, and no other weights lose less at
the worst. The price is that a single look must show K times the evidence; what shows for h looks, K/h times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.drift.schedule.evalues import calibrate, e_bh

# The share of false ones among what is established, and the chance of any if nothing drifts at all.
RATE = 0.05


@dataclass(frozen=True, slots=True)
class Evidence:
    """An epoch so far. first: number of its first look; terms: what its looks compare, as a text; sums: by
    hypothesis."""

    first: int
    terms: str
    sums: Mapping[str, float] = field(default_factory=dict)

    def seen(self, tests: Mapping[str, float], epoch_looks: int) -> "Evidence":
        """With one more look's e-values by hypothesis."""
        sums = dict(self.sums)
        for name, e in tests.items():
            sums[name] = sums.get(name, 0.0) + e / epoch_looks
        return Evidence(self.first, self.terms, sums)

    def established(self) -> frozenset[str]:
        """The hypotheses that have fallen (e-BH among all that were ever tested in the epoch)."""
        names = list(self.sums)
        fallen = e_bh([self.sums[name] for name in names], RATE)
        return frozenset(name for name, fell in zip(names, fallen, strict=True) if fell)


def continued(held: Evidence | None, look: int, terms: str, epoch_looks: int) -> Evidence:
    """The epoch that a look belongs to: the one that is held, or a new one where that is over or compares
    something else.

    >>> continued(Evidence(5, "a", {"age": 3.0}), 14, "a", 10).first
    5
    >>> continued(Evidence(5, "a", {"age": 3.0}), 15, "a", 10)
    Evidence(first=15, terms='a', sums={})
    """
    if held is None or held.terms != terms or not held.first <= look < held.first + epoch_looks:
        return Evidence(look, terms)
    return held


def weigh(p_values: Mapping[str, float | None]) -> float:
    """One e-value of one look at one feature, from the p-values of its tests by name: their mean, which is an
    e-value however they depend on each other. A test that could not be made adds nothing; it does not leave.

    >>> weigh({"shift": 1.0, "missing": 1.0}), weigh({"shift": 1.0, "missing": None}), weigh({"shift": None})
    (0.5, 0.25, 0.0)
    """
    return sum(0.0 if p is None else calibrate(p) for p in p_values.values()) / len(p_values)
