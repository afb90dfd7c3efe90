"""q̂(x, a): what each arm earns on a request, fitted where the observation itself had no part in it."""

import numpy as np

from services.feedback.offpolicy.sample import Floats, Integers

FOLDS = 5
# Ridge, in observations: an arm with few of them keeps to its mean.
RIDGE = 10.0


def cross_fitted(features: Floats, arms: Integers, rewards: Floats, units: Integers, width: int) -> Floats:
    """[n, width]: the reward expected of each arm on each observation.

    features: [n, d], finite; d may be 0, and q̂ is then the mean of the arm. arms: [n], the arm that was
    drawn, of `width` arms. A ridge regression per arm, cross-fitted over FOLDS folds of whole units; arms
    that nobody drew take what the mean of all arms is. Values stay within those of the rewards.
    """
    found = np.empty((len(rewards), width))
    folds = units % FOLDS
    for fold in range(FOLDS):
        apart = folds == fold
        if apart.any():
            rest = ~apart
            found[apart] = _fit(features[rest], arms[rest], rewards[rest], width, features[apart])
    return np.clip(found, rewards.min(), rewards.max())


def _fit(features: Floats, arms: Integers, rewards: Floats, width: int, asked: Floats) -> Floats:
    overall = float(rewards.mean()) if len(rewards) else 0.0
    centre = features.mean(axis=0) if len(features) else np.zeros(features.shape[1])
    scale = features.std(axis=0) if len(features) else np.ones(features.shape[1])
    # A column that is constant here says nothing, and must not be blown up on the other fold.
    scale = np.where(scale > 0, scale, np.inf)
    inside, outside = (features - centre) / scale, (asked - centre) / scale
    columns = [_of_arm(inside[arms == arm], rewards[arms == arm], outside, overall) for arm in range(width)]
    return np.stack(columns, axis=1)


def _of_arm(features: Floats, rewards: Floats, asked: Floats, overall: float) -> Floats:
    if not len(rewards):
        return np.full(len(asked), overall)
    mean, middle = rewards.mean(), features.mean(axis=0)
    centred = features - middle
    gram = centred.T @ centred + RIDGE * np.eye(features.shape[1])
    slope = np.linalg.solve(gram, centred.T @ (rewards - mean))
    fitted: Floats = mean + (asked - middle) @ slope
    return fitted
