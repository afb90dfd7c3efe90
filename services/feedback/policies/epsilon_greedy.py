"""Epsilon-greedy: explore everyone alike, give what that leaves to the best mean.

p_k = ε/K + (1 − ε) · 1{k is best} / |best|. Without forgetting its regret grows linearly, as ε Δ̄ t; in return
the propensities are never below ε/K, which off-policy evaluation needs.

Reference: R. Sutton and A. Barto, Reinforcement Learning, 2nd edition, section 2.2.

>>> allocate(Arms(np.array([50.0, 50.0]), np.array([0.9, 0.6])), 0.1)
array([0.95, 0.05])
"""

import numpy as np

from services.feedback.policies import newcomer
from services.feedback.policies.arms import Arms, Floats

EXPLORATION_RATE = 0.1
# Means of equal arms may differ in the last bits, as they are sums in different orders.
LEVEL = 1e-12


def allocate(arms: Arms, exploration_rate: float = EXPLORATION_RATE) -> Floats:
    """Probabilities in the shape of `arms`; ties share what exploration leaves."""
    means = newcomer.weighted(arms)
    best = means >= means.max(-1, keepdims=True) - LEVEL
    greedy = best / best.sum(-1, keepdims=True)
    return np.asarray(exploration_rate / means.shape[-1] + (1 - exploration_rate) * greedy)
