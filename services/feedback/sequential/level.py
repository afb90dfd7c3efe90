"""Betting on one arm alone: is its mean above a fixed level?

For guardrails with a `max_value`: the value is what must stay low, and H0 says that the treatment's mean is
at most the level. The capital grows by 1 + λ (Y − level) with each treated observation, λ = g / level, so
that it never falls below 0; what the baseline answers does not matter, nor do the shares.

I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, JRSS B 2024.
"""

import numpy as np

from services.feedback.sequential.seen import Floats, Seen

BETS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
WHOLE = CHOICE = False
# At a level of 0 one value above it is proof; a bet of 1000 to 1 is enough, and stays finite.
LEAST_LEVEL = 1e-3


def multiply(seen: Seen, margin: float, bet: float) -> Floats:
    """Factors of the capital that stakes `bet` of what it could lose; `margin` is the level, from 0."""
    stake = bet / max(margin, LEAST_LEVEL)
    return np.asarray(np.where(seen.treated, 1.0 + stake * (seen.values - margin), 1.0))
