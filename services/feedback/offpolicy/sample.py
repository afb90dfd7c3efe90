"""Logged decisions as estimators see them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[Any]

# What clipped IPS lets a weight count for at most, unless it is told otherwise.
CLIP = 10.0


@dataclass(frozen=True)
class Sample:
    """n observations, one decision each; every array is [n].

    rewards: in the metric's unit. weights: w = π(a | x) / p(a | x), the proposal's probability of the arm
    that was drawn over the logged one. units: number of the unit, 0 and up; observations of one unit may
    depend on each other. fitted: q̂(x, a) of the drawn arm. expected: Σ_a π(a | x) q̂(x, a).
    """

    rewards: Floats
    weights: Floats
    units: Integers
    fitted: Floats
    expected: Floats
    clip: float = CLIP

    @cached_property
    def size(self) -> int:
        """Observations."""
        return len(self.rewards)


class Estimated(NamedTuple):
    """A value, and how far each observation pulls it: value + mean(pull) is the value, and the mean of the
    pulls varies as the value does. None where no interval can be made of them."""

    value: float
    pull: Floats | None


def averaged(terms: Floats) -> Estimated:
    """The mean of terms that are independent but for their units."""
    value = float(terms.mean())
    return Estimated(value, terms - value)
