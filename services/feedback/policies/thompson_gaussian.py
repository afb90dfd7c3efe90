"""Thompson sampling of rewards with normal noise, as an allocation.

The mean of an arm has the posterior N((n m + m0) / (n + 1), σ² / (n + 1)): its prior is one reward at the
mean of the arms that were tried. σ is declared (`reward_scale`) or estimated from the rewards of all arms.
For metrics with a range of their own, such as revenue: a Beta posterior over a wide range of which little is
used would explore for far too long.

Reference: S. Agrawal and N. Goyal, Further Optimal Regret Bounds for Thompson Sampling, AISTATS 2013.

>>> allocate(Arms(np.array([3.0, 3.0]), np.array([0.0, 1.0])), Learning(reward_scale=1.0)).round(4)
array([0.18, 0.82])
"""

import numpy as np
from numpy.typing import NDArray

from services.feedback.policies import newcomer, quadrature, sharing
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning

PRIOR_REWARDS = 1.0
DEVIATIONS = 8.0
# Of half the range: what is assumed until two rewards of an arm are there.
WIDEST = 0.5
# A hundredth of the range: rewards that were all alike so far do not prove that all will be.
NARROWEST = 0.01
LOG_ROOT = 0.5 * np.log(2 * np.pi)


def score(arms: Arms, _learning: Learning) -> Floats:
    """The posterior means."""
    known = np.where(arms.rewards > 0, arms.means, 0.0)
    total = arms.rewards * known + PRIOR_REWARDS * newcomer.neutral(arms)
    return np.asarray(total / (arms.rewards + PRIOR_REWARDS))


def deviation(arms: Arms, learning: Learning) -> Floats:
    """σ of one reward, of each learner [..., 1]: declared, or pooled over its arms."""
    if learning.reward_scale is not None:
        return np.full((*arms.rewards.shape[:-1], 1), learning.reward_scale)
    if arms.variances is None:
        return np.full((*arms.rewards.shape[:-1], 1), WIDEST)
    told = np.isfinite(arms.variances) & (arms.rewards >= 2)
    freedom = np.where(told, arms.rewards - 1, 0.0)
    total = freedom.sum(-1, keepdims=True)
    pooled = (freedom * np.where(told, arms.variances, 0.0)).sum(-1, keepdims=True) / np.maximum(total, 1)
    return np.where(total > 0, np.clip(np.sqrt(pooled), NARROWEST, WIDEST), WIDEST)


def allocate(arms: Arms, learning: Learning) -> Floats:
    """Probabilities in the shape of `arms`; NaN for learners whose integral is off."""
    centres = score(arms, learning)
    spreads = deviation(arms, learning) / np.sqrt(arms.rewards + PRIOR_REWARDS)
    flat = (each.reshape(-1, each.shape[-1]) for each in (centres, spreads))
    shares = best_of_normals(*flat).reshape(arms.rewards.shape)
    return sharing.explored(shares, learning.exploring)


def best_of_normals(centres: Floats, spreads: Floats) -> Floats:
    """P(arm is best) [learner, arm] of normal posteriors."""

    def log_density(x: Floats, places: NDArray[np.intp]) -> Floats:
        centre, spread = (np.take_along_axis(each, places, -1)[:, :, None] for each in (centres, spreads))
        return np.asarray(-0.5 * ((x - centre) / spread) ** 2 - np.log(spread) - LOG_ROOT)

    reach = DEVIATIONS * spreads
    return quadrature.greatest(log_density, centres - reach, centres + reach)
