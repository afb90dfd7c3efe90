"""How long evidence takes: how fast capital grows, the time to a threshold, the chance to reach it.

The logarithm of the capital is a random walk of drift g per observation, the greatest of its bets', and,
where that bet suits the effect, of variance 2 g. The time to climb by b is then inverse Gaussian with mean
b/g, and the chance to be there after n is Φ((g n − b)/√(2 g n)) + e^b Φ(−(g n + b)/√(2 g n)). b lies between
what all bets together lack and what the best one alone does; it is taken from the middle.

Reference: D. Siegmund, Sequential Analysis, Springer 1985, section III.2, for the law of the first passage.

>>> round(fixed_sample(0.9, 0.92, 0.5, 0.05, 0.8))
5057
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from services.feedback.sequential import PROCESSES, layout
from services.feedback.sequential.folding import log_capital, log_evidence
from services.feedback.sequential.questions import Test
from services.feedback.sequential.seen import Floats, Seen, Sums

# Counts so great that the running means stand still: growth is that of means that are known.
SETTLED = 1e9


class Climb(NamedTuple):
    """What the logarithm of the capital lacks, and by how much it grows with each observation of the pair."""

    left: float
    rate: float


def growth(test: Test, mean0: float, mean1: float, share: float) -> Floats:
    """By how much the logarithm of each bet's capital grows with each observation of the pair, or falls.

    Values count as 0 and 1: of all values in [0, 1] with these means those vary most, so that a metric that
    varies less is found sooner than this says. share: of the treatment, strictly between 0 and 1.
    """
    treated = np.array([True, True, False, False])
    values = np.array([1.0, 0.0, 1.0, 0.0])
    weights = np.array([share * mean1, share * (1 - mean1), (1 - share) * mean0, (1 - share) * (1 - mean0)])
    n0, n1 = SETTLED * (1 - share), SETTLED * share
    before = Sums(*(np.full(4, each) for each in (n0, n1, n0 * mean0, n1 * mean1)))
    seen = Seen(treated, values, np.full(4, share), before)
    process = PROCESSES[test.kind]
    return np.array([weights @ np.log(process.multiply(seen, test.margin, bet)) for bet in process.BETS])


def expected_samples(test: Test, state: Floats, effect: float, share: float, alpha: float) -> float | None:
    """Further observations of the pair until its evidence suffices, in the mean, if `effect` is real.

    The baseline's mean is taken as it was seen. 0 where it suffices already; None where it never will: the
    effect does not exceed the margin, or is too small for the smallest bet.
    """
    if log_evidence(test, state) >= -math.log(alpha):
        return 0.0
    climb = _climb(test, state, effect, share, alpha)
    return climb.left / climb.rate if climb.rate > 0 else None


def power(test: Test, state: Floats, effect: float, share: float, alpha: float, samples: float) -> float:
    """The chance that so many further observations of the pair are evidence enough, if `effect` is real."""
    if log_evidence(test, state) >= -math.log(alpha):
        return 1.0
    left, rate = _climb(test, state, effect, share, alpha)
    if rate <= 0 or samples <= 0:
        return 0.0
    gained = rate * samples
    spread = math.sqrt(2.0 * gained)
    overshot = math.exp(left + float(log_ndtr(-(gained + left) / spread)))
    return min(float(ndtr((gained - left) / spread)) + overshot, 1.0)


def fixed_sample(mean0: float, mean1: float, share: float, alpha: float, power: float) -> float:
    """Observations of the pair that a one-sided z-test needs which looks once: (z_α + z_β)² v / effect²."""
    variance = mean0 * (1 - mean0) / (1 - share) + mean1 * (1 - mean1) / share
    quantiles = float(ndtri(power) - ndtri(alpha))
    return quantiles**2 * variance / (mean1 - mean0) ** 2


def _climb(test: Test, state: Floats, effect: float, share: float, alpha: float) -> Climb:
    n0, _, s0 = state[: layout.EFFECT - 1].tolist()
    if not n0 or not 0.0 < share < 1.0:
        return Climb(math.inf, 0.0)
    mean0 = (s0 + 0.5) / (n0 + 1.0)
    rates = growth(test, mean0, min(max(mean0 + effect, 0.0), 1.0), share)
    alone = state[layout.BETS :] - math.log(test.bets)
    lacking = -math.log(alpha) - alone
    # Not always the bet that grows fastest: it may have lost much before.
    soonest = int((rates / lacking).argmax())
    together = log_capital(test, state)
    return Climb(-math.log(alpha) - (together + float(alone[soonest])) / 2, float(rates[soonest]))
