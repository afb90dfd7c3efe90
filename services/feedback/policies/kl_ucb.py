"""KL-UCB: to the greatest mean that the rewards do not rule out.

index_k = max{q : n_k kl(m_k, q) ≤ ln t}, with kl of Bernoulli variables, which bounds every reward in [0, 1].
Pulls count when they are made. Its regret reaches the bound of Lai and Robbins, Σ Δ_k ln t / kl(m_k, m*).

Reference: A. Garivier and O. Cappé, The KL-UCB algorithm, COLT 2011 (with c = 0, as they advise).

>>> score(Arms(np.array([50.0, 5.0]), np.array([0.9, 0.6])), Learning("kl_ucb")).round(4)
array([0.9789, 0.9739])
"""

import numpy as np

from services.feedback.policies import newcomer, sharing
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning
from services.feedback.policies.ucb1 import log_pulls

# Halving [m, 1] this often leaves 4e-9: far less than one reward moves an index.
HALVINGS = 28
TINY = 1e-15


def divergence(p: Floats, q: Floats) -> Floats:
    """kl(p, q) of Bernoulli variables, in nats; p and q are drawn away from 0 and 1 by TINY."""
    p, q = (np.clip(each, TINY, 1 - TINY) for each in (p, q))
    return np.asarray(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))


def score(arms: Arms, _learning: Learning) -> Floats:
    """The index of every arm; infinite where nothing was pulled."""
    pulled = arms.tried() > 0
    allowed = log_pulls(arms) / np.where(pulled, arms.tried(), 1.0)
    means = np.clip(newcomer.known(arms), TINY, 1 - TINY)
    entropy = means * np.log(means) + (1 - means) * np.log1p(-means)
    low, high = means, np.ones_like(means)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = entropy - means * np.log(middle) - (1 - means) * np.log(1 - middle + TINY) <= allowed
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.asarray(np.where(pulled, low, np.inf))


def allocate(arms: Arms, learning: Learning) -> Floats:
    """Probabilities in the shape of `arms`: the greatest index has what exploration leaves."""
    return sharing.explored(sharing.best(score(arms, learning)), learning.exploring)
