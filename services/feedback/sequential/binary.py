"""Assignment betting, for values of 0 and 1 and no margin.

Where treatment and baseline answer alike, the assignment tells nothing of the outcome: given Y, the chance of
A is the logged share. Betting on a model q in which they differ multiplies the capital by
E = q_A(Y) / Σ_b π_b q_b(Y), whose mean given Y and the past is 1. With q_1 above q_0 the mean is at most 1
for every pair of rates p_1 ≤ p_0, which may drift from one observation to the next.

q comes from the pooled rate p̂ of what was seen before: logit q_1 = logit p̂ + (1 − π) θ and
logit q_0 = logit p̂ − π θ, so that the mixture stays near p̂ and all is staked on the effect θ. Five effects
share the capital; they lie about a factor of 2.2 apart, so that the best of them loses at most a seventh of
the growth between the least and the greatest of them. Below half of the least, evidence never comes.

Kin to R. Turner, A. Ly and P. Grünwald, Generic E-variables for exact sequential k-sample tests that allow
for optional stopping, arXiv 2106.02693.
"""

import math

import numpy as np

from services.feedback.sequential.seen import Floats, Seen

# Effects in log-odds: .5 against .52 is .08, .9 against .92 is .25, .95 against .90 is .75.
BETS = (0.04, 0.1, 0.2, 0.45, 1.0)
WHOLE = CHOICE = True


def multiply(seen: Seen, _margin: float, bet: float) -> Floats:
    """Factors of the capital that bets on the effect `bet`, in log-odds; the margin is 0."""
    pooled = seen.before.pooled()
    odds1 = pooled / (1.0 - pooled) * np.exp(bet * (1.0 - seen.shares))
    shrunk = math.exp(-bet)
    # q_0(Y) / q_1(Y), where q(1) = odds / (1 + odds) and q(0) = 1 / (1 + odds).
    ratio = (1.0 + odds1) / (1.0 + odds1 * shrunk) * np.where(seen.values == 1.0, shrunk, 1.0)
    either = seen.shares + (1.0 - seen.shares) * ratio
    return np.asarray(np.where(seen.treated, 1.0, ratio) / either)
