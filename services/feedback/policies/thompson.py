"""Thompson sampling of rewards in [0, 1] as an allocation: the posterior probability of being best.

The posterior of an arm is Beta(1 + Σr, 1 + n − Σr): exact for rewards of 0 and 1, and no narrower than the
truth for anything between. Drawing from the probabilities of being best has the law of Thompson sampling, and
an exact propensity. Draws whose reward is outstanding say nothing of it: chance spreads what comes meanwhile.

The integral is taken over θ = arcsin √x, where the spread of a posterior does not depend on its mean: mean ±
8 sd of x itself would cut 1e-4 off Beta(1, 10⁴), whose tail is exponential.

References: W. Thompson, Biometrika 25 (1933); O. Chapelle and L. Li, NIPS 2011; D. Russo and others, A
Tutorial on Thompson Sampling (2018).

>>> allocate(Arms(np.array([1.0, 1.0]), np.array([1.0, 0.0])), Learning("thompson")).round(6)  # 5/6
array([0.833333, 0.166667])
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from services.feedback.policies import quadrature, sharing
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning

# Of one success and one failure: every mean is as likely before the first reward.
PRIOR = 1.0
DEVIATIONS = 8.0


def posterior(arms: Arms) -> tuple[Floats, Floats]:
    """Parameters of every arm's Beta distribution."""
    won = np.where(arms.rewards > 0, arms.rewards * arms.means, 0.0)
    return PRIOR + won, PRIOR + np.maximum(arms.rewards - won, 0.0)


def score(arms: Arms, _learning: Learning) -> Floats:
    """The posterior means."""
    wins, losses = posterior(arms)
    return np.asarray(wins / (wins + losses))


def allocate(arms: Arms, learning: Learning) -> Floats:
    """Probabilities in the shape of `arms`; NaN for learners whose integral is off."""
    wins, losses = (each.reshape(-1, each.shape[-1]) for each in posterior(arms))
    shares = best_of_betas(wins, losses).reshape(arms.rewards.shape)
    return sharing.explored(shares, learning.exploring)


def best_of_betas(wins: Floats, losses: Floats) -> Floats:
    """P(arm is best) [learner, arm] of Beta posteriors with parameters of at least 1."""
    # f(θ) = 2 sin^{2a−1} cos^{2b−1} / B(a, b), whose logarithm has curvature 4 (a + b − 1) at its mode.
    powers, copowers = 2 * wins - 1, 2 * losses - 1
    mode = np.arctan2(np.sqrt(powers), np.sqrt(copowers))
    reach = DEVIATIONS / 2 / np.sqrt(wins + losses - 1)
    constant = np.log(2) - betaln(wins, losses)

    def log_density(x: Floats, places: NDArray[np.intp]) -> Floats:
        powered, copowered, offset = (
            np.take_along_axis(each, places, -1)[:, :, None] for each in (powers, copowers, constant)
        )
        return np.asarray(powered * np.log(np.sin(x)) + copowered * np.log(np.cos(x)) + offset)

    low, high = np.maximum(mode - reach, 0.0), np.minimum(mode + reach, np.pi / 2)
    return quadrature.greatest(log_density, low, high)
