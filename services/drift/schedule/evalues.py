"""Evidence that may be looked at as often as one likes: e-values from p-values, and which of many are enough.

An e-value is a bet against "nothing has changed": its mean is at most 1 if nothing has, so that it reaches
1/a with a chance of at most a (Markov).

>>> round(calibrate(1e-6), 1), round(calibrate(0.05), 2), calibrate(1.0)
(5239.1, 1.78, 0.5)
>>> e_bh([1000.0, 3.0, 30.0], 0.05)
[True, False, True]
"""

import math
from collections.abc import Sequence

# Below it the closed form loses its digits to cancellation: the series of the same integral is used.
NEAR_ONE = 1e-3
# exp(-700) is the smallest that a double can take the reciprocal of twice over.
LEAST_P = math.exp(-700.0)


def calibrate(p: float) -> float:
    """The e-value of a p-value: the mean of κ p^(κ-1) over κ in (0, 1), (1 - p + p ln p) / (p ln² p).

    Each κ p^(κ-1) integrates to 1 over p, and so does the mean; it needs no κ to be chosen. Decreasing in p:
    1/2 at p = 1. Raises ValueError for what is no probability.

    Reference: V. Vovk, R. Wang, E-values: calibration, combination and applications, Ann. Stat. 49, 2021,
    section 2 (there, κ of equation 1 integrated).
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError("a p-value lies between 0 and 1")
    p = max(p, LEAST_P)
    log = math.log(p)
    if -log < NEAR_ONE:
        # With x = -ln p: the integral of κ e^(x(1-κ)) is 1/2 + x/6 + x²/24 + ...
        return 0.5 - log / 6 + log * log / 24
    return (1 - p + p * log) / (p * log * log)


def e_bh(e_values: Sequence[float], rate: float) -> list[bool]:
    """Which of these hypotheses fall: the k greatest, for the largest k whose k-th is at least m / (rate k).

    Of those that fall at most a share `rate` is true on average, whatever the dependence between them, and
    also at the moment that anybody chooses to stop, where each e-value only grows.

    Reference: R. Wang, A. Ramdas, False discovery rate control with e-values, J. R. Stat. Soc. B 84, 2022.
    """
    ordered = sorted(e_values, reverse=True)
    count = len(ordered)
    passing = [e for rank, e in enumerate(ordered, 1) if e * rate * rank >= count]
    least = passing[-1] if passing else math.inf
    return [e >= least for e in e_values]
