"""What people are shown: a mean per arm, and the effect with an asymptotic confidence sequence.

For display only. The sequence covers at all times in the limit of many observations; at a share of 10 % it
lets through more than alpha in finite samples, so that it never decides (`folding.log_evidence` does).
Half-width at variance v after n observations: √((n v ρ² + 1)/(n² ρ²) · ln((n v ρ² + 1)/α²)).

Reference: I. Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy and A. Ramdas, Time-uniform central limit theory
and asymptotic confidence sequences, Annals of Statistics 2024, theorem 2.2; ρ after their appendix.
"""

import math
from typing import NamedTuple

import numpy as np

from services.feedback.sequential import layout
from services.feedback.sequential.questions import Test, checked
from services.feedback.sequential.seen import Floats

# Observations at which the sequence is tightest, for effects of unit variance: .5 against .5 on equal shares.
TIGHTEST_AT = 2000.0


class Estimate(NamedTuple):
    """Observations and mean per arm (NaN without any), effect of the treatment, and its bounds.

    The effect is weighted by the shares, so that it differs a little from mean1 − mean0, and rightly so where
    shares changed on the way. Bounds lie within [-1, 1], and are that where little is known.
    """

    n0: int
    n1: int
    mean0: float
    mean1: float
    effect: float
    low: float
    high: float


def estimate(test: Test, state: Floats, alpha: float) -> Estimate:
    """Means and the two-sided (1 − alpha) confidence sequence of the effect; the margin is not subtracted."""
    n0, n1, s0, s1, effects, squares = checked(test, state)[: layout.GREATEST].tolist()
    mean0, mean1 = (s0 / n0 if n0 else math.nan), (s1 / n1 if n1 else math.nan)
    count = n0 + n1
    if not n0 or not n1:
        return Estimate(int(n0), int(n1), mean0, mean1, math.nan, -1.0, 1.0)
    effect = effects / count
    variance = max(squares / count - effect * effect, 0.0)
    half = half_width(count, variance, tightness(alpha, TIGHTEST_AT), alpha)
    bounded = np.clip([effect, effect - half, effect + half], -1.0, 1.0).tolist()
    return Estimate(int(n0), int(n1), mean0, mean1, *bounded)


def half_width(count: float, variance: float, rho: float, alpha: float) -> float:
    """Half of the width of the sequence after `count` observations.

    >>> round(half_width(100, 0.25, 0.296341, 0.05), 6)
    0.161333
    """
    spread = count * variance * rho * rho + 1.0
    return math.sqrt(spread / (count * rho) ** 2 * math.log(spread / alpha**2))


def tightness(alpha: float, at: float) -> float:
    """The ρ that makes the sequence of unit variance tightest after `at` observations.

    >>> round(tightness(0.05, 100), 6)
    0.296341
    """
    return math.sqrt((-2.0 * math.log(alpha) + math.log(-2.0 * math.log(alpha)) + 1.0) / at)
