"""LinUCB: a ridge regression of rewards on the context for each arm, and hope in its direction.

A_k = λI + Σ x x', b_k = Σ (r − m) x, θ_k = A_k⁻¹ b_k; an arm's score is m + θ_k'x + α √(x' A_k⁻¹ x), and the
greatest one has what exploration leaves. x begins with a constant 1, so a bandit whose context says nothing
still learns its arms' means; m is the mean of all rewards, so that an arm nobody tried is neither good nor
bad. Feedback fits, from the windows alone: what is published is the same in whatever order rewards came. The
router scores, request by request, by what was published.

Reference: L. Li, W. Chu, J. Langford and R. Schapire, A Contextual-Bandit Approach to Personalized News
Article Recommendation, WWW 2010 (disjoint models).

>>> fitted = regress(np.array([[1.0, 2.0], [1.0, -2.0]]), np.array([0.5, -0.5]), ridge=1.0)
>>> fitted.precision.tolist(), fitted.moment.tolist()
([[3.0, 0.0], [0.0, 9.0]], [0.0, 2.0])
"""

from typing import NamedTuple

import numpy as np

from services.feedback.policies.arms import Floats


class Regression(NamedTuple):
    """A [d, d] and b [d] of one arm, and how many rewards are in them."""

    rewards: int
    precision: Floats
    moment: Floats


def regress(contexts: Floats, rewards: Floats, ridge: float) -> Regression:
    """The regression of rewards [n], less their centre, on contexts [n, d] that begin with a 1."""
    precision = ridge * np.eye(contexts.shape[1]) + contexts.T @ contexts
    return Regression(len(rewards), precision, contexts.T @ rewards)
