"""What a betting process sees: each observation beside what was known before it.

Time is the last axis; axes before it are independent tests, so that thousands of simulated runs fold at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Sums(NamedTuple):
    """Counts and sums of values per arm: 0 is the baseline, 1 the treatment."""

    n0: Floats
    n1: Floats
    s0: Floats
    s1: Floats

    def mean0(self) -> Floats:
        """The baseline's mean, drawn to one half as if one such value had been seen: never 0 or 1."""
        return np.asarray((self.s0 + 0.5) / (self.n0 + 1.0))

    def mean1(self) -> Floats:
        """The treatment's mean, likewise."""
        return np.asarray((self.s1 + 0.5) / (self.n1 + 1.0))

    def pooled(self) -> Floats:
        """The mean of both arms together, likewise."""
        return np.asarray((self.s0 + self.s1 + 0.5) / (self.n0 + self.n1 + 1.0))


class Seen(NamedTuple):
    """Observations in decision order, all in one shape.

    treated: whether the treatment was chosen. values: in [0, 1], more is better. shares: the probability of
    the treatment, strictly between 0 and 1. before: sums of all earlier observations.
    """

    treated: Flags
    values: Floats
    shares: Floats
    before: Sums


def cumulated(start: Floats, steps: Floats) -> Floats:
    """`start` and then every partial sum, one longer than `steps`.

    Adds one by one from the left, unlike `np.sum`, so that the last bit does not depend on where a sequence
    was cut into pieces.
    """
    return np.cumsum(np.concatenate([start[..., None], steps], axis=-1), axis=-1)
