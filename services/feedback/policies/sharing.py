"""From what a policy goes by to probabilities.

>>> best(np.array([0.9, 0.6, 0.9])).tolist()
[0.5, 0.0, 0.5]
>>> explored(np.array([1.0, 0.0]), 0.1)
array([0.95, 0.05])
"""

import numpy as np

from services.feedback.policies.arms import Floats

# Means of equal arms may differ in the last bits, as they are sums in different orders.
LEVEL = 1e-12


def best(scores: Floats) -> Floats:
    """Everything to the greatest score; ties share it. Scores may be infinite."""
    top = scores.max(-1, keepdims=True)
    # Of infinities no difference can be taken.
    at_top = (scores == top) | (scores >= top - LEVEL)
    return np.asarray(at_top / at_top.sum(-1, keepdims=True))


def explored(shares: Floats, rate: float) -> Floats:
    """The shares, of which `rate` is given to all alike."""
    return np.asarray(rate / shares.shape[-1] + (1 - rate) * shares)
