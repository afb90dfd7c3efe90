"""How long evidence takes: how fast capital grows, the time to a threshold, the chance to reach it.

The logarithm of the capital is a random walk of drift g per observation, the greatest of its bets', and,
where that bet suits the effect, of variance 2 g. The time to b = ln(1/alpha) is then inverse Gaussian with
mean b/g, and the chance to be there after n is Φ((g n − b)/√(2 g n)) + e^b Φ(−(g n + b)/√(2 g n)).

Reference: D. Siegmund, Sequential Analysis, Springer 1985, section III.2, for the law of the first passage.

>>> round(fixed_sample(0.9, 0.92, 0.5, 0.05, 0.8))
5057
"""

import math

import numpy as np
from scipy.stats import norm

from services.feedback.sequential import PROCESSES, layout
from services.feedback.sequential.folding import log_capital, log_evidence
from services.feedback.sequential.questions import Test
from services.feedback.sequential.seen import Floats, Seen, Sums

# Counts so great that the running means stand still: growth is that of means that are known.
SETTLED = 1e9


def growth(test: Test, mean0: float, mean1: float, share: float) -> float:
    """By how much the logarithm of the best bet's capital grows with each observation of the pair, or falls.

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
    logs = (np.log(process.multiply(seen, test.margin, bet)) for bet in process.BETS)
    return max(float(weights @ each) for each in logs)


def expected_samples(test: Test, state: Floats, effect: float, share: float, alpha: float) -> float | None:
    """Further observations of the pair until its evidence suffices, in the mean, if `effect` is real.

    The baseline's mean is taken as it was seen. 0 where it suffices already; None where it never will: the
    effect does not exceed the margin, or is too small for the smallest bet.
    """
    needed = -math.log(alpha)
    if log_evidence(test, state) >= needed:
        return 0.0
    rate = _rate(test, state, effect, share)
    return (needed - log_capital(test, state)) / rate if rate > 0 else None


def power(test: Test, state: Floats, effect: float, share: float, alpha: float, samples: float) -> float:
    """The chance that so many further observations of the pair are evidence enough, if `effect` is real."""
    needed = -math.log(alpha)
    if log_evidence(test, state) >= needed:
        return 1.0
    rate = _rate(test, state, effect, share)
    if rate <= 0 or samples <= 0:
        return 0.0
    left, gained = needed - log_capital(test, state), rate * samples
    spread = math.sqrt(2.0 * gained)
    overshot = math.exp(left + float(norm.logcdf(-(gained + left) / spread)))
    return min(float(norm.cdf((gained - left) / spread)) + overshot, 1.0)


def fixed_sample(mean0: float, mean1: float, share: float, alpha: float, power: float) -> float:
    """Observations of the pair that a one-sided z-test needs which looks once: (z_α + z_β)² v / effect²."""
    variance = mean0 * (1 - mean0) / (1 - share) + mean1 * (1 - mean1) / share
    quantiles = float(norm.isf(alpha) + norm.ppf(power))
    return quantiles**2 * variance / (mean1 - mean0) ** 2


def _rate(test: Test, state: Floats, effect: float, share: float) -> float:
    n0, _, s0 = state[: layout.EFFECT - 1].tolist()
    if not n0 or not 0.0 < share < 1.0:
        return 0.0
    mean0 = (s0 + 0.5) / (n0 + 1.0)
    return growth(test, mean0, min(max(mean0 + effect, 0.0), 1.0), share)
