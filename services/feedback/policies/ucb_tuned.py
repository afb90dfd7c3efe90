"""UCB-tuned: UCB1 whose bonus follows the variance of the rewards.

index_k = m_k + √(ln t / n_k · min(1/4, V_k)), V_k = s²_k + √(2 ln t / n_k), for rewards in [0, 1]. No regret
bound is proven for it; in practice it beats UCB1 by far where variances are small.

Reference: P. Auer, N. Cesa-Bianchi and P. Fischer, Machine Learning 47 (2002), section 4.

>>> arms = Arms(np.array([90.0, 10.0]), np.array([0.9, 0.6]), variances=np.array([0.09, 0.24]))
>>> score(arms, Learning("ucb_tuned")).round(3)
array([1.013, 0.939])
"""

import numpy as np

from services.feedback.policies import newcomer, sharing
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning
from services.feedback.policies.ucb1 import log_pulls

# No variable in [0, 1] has a greater variance; it stands for one that is not known.
GREATEST_VARIANCE = 0.25


def score(arms: Arms, _learning: Learning) -> Floats:
    """The index of every arm; infinite where nothing was pulled."""
    known = np.full_like(arms.means, np.nan) if arms.variances is None else arms.variances
    variances = np.where(np.isfinite(known), known, GREATEST_VARIANCE)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = log_pulls(arms) / arms.tried()
        widths = np.sqrt(rates * np.minimum(GREATEST_VARIANCE, variances + np.sqrt(2 * rates)))
    return np.asarray(newcomer.known(arms) + np.where(arms.tried() > 0, widths, np.inf))


def allocate(arms: Arms, learning: Learning) -> Floats:
    """Probabilities in the shape of `arms`: the greatest index has what exploration leaves."""
    return sharing.explored(sharing.best(score(arms, learning)), learning.exploring)
