"""Epsilon-greedy: explore everyone alike, give what that leaves to the best mean.

p_k = ε/K + (1 − ε) · 1{k is best} / |best|. Without forgetting its regret grows linearly, as ε Δ̄ t; in return
the propensities are never below ε/K, which off-policy evaluation needs.

Reference: R. Sutton and A. Barto, Reinforcement Learning, 2nd edition, section 2.2.

>>> allocate(Arms(np.array([50.0, 50.0]), np.array([0.9, 0.6])), Learning(exploration_rate=0.1))
array([0.95, 0.05])
"""

import numpy as np

from services.feedback.policies import newcomer, sharing
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning


def score(arms: Arms, _learning: Learning) -> Floats:
    """What it goes by: the means, with the newcomer's prior."""
    return newcomer.weighted(arms)


def allocate(arms: Arms, learning: Learning) -> Floats:
    """Probabilities in the shape of `arms`; ties share what exploration leaves."""
    return np.asarray(sharing.explored(sharing.best(score(arms, learning)), learning.exploring))
