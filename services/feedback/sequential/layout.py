"""How a test's state is laid out: a flat array of float64, one header for every kind, then the bets.

Entries: n0, n1 (observations of baseline and treatment), s0, s1 (sums of their values), the sum and the sum
of squares of the effects (`mean.effects`), the logarithm of the greatest capital so far, then the logarithm
of the capital of each bet. All are 0 before the first observation.
"""

import numpy as np

from services.feedback.sequential.seen import Floats, Sums

ARMS = 4
EFFECT, SQUARE, GREATEST, BETS = 4, 5, 6, 7


def sums(state: Floats) -> Sums:
    """Counts and sums per arm."""
    return Sums(*(state[..., at] for at in range(ARMS)))


def mixed(bets: Floats) -> Floats:
    """Logarithm of the mean capital of the bets, which lie along the first axis."""
    top = bets.max(0)
    return np.asarray(top + np.log(np.exp(bets - top).sum(0) / len(bets)))
