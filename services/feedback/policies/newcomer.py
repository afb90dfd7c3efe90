"""How an arm is judged of which little is known, and what share it gets until more is.

Every mean is drawn towards the mean of the arms that were tried, as if `PRIOR_REWARDS` such rewards had been
seen: m' = (n m + c m0) / (n + c). An arm without a reward is thus neither better nor worse than the rest: it
earns its share by exploration and inherits none, and one unlucky first reward does not end it. The pull
vanishes as 1/n.

>>> weighted(Arms(np.array([8.0, 0.0]), np.array([0.5, np.nan])))
array([0.5, 0.5])
>>> weighted(Arms(np.array([8.0, 2.0]), np.array([0.5, 0.0])))
array([0.45 , 0.125])

An arm that was pulled less in its life than the burn-in, beside others that were not, gets at least a floor,
so that it is looked at; and such arms together at most a cap, since an optimistic policy would give them
everything.

>>> arms = Arms(np.array([90.0, 0.0]), np.array([0.5, np.nan]))
>>> welcomed(np.array([0.0, 1.0]), arms, Learning(burn_in=10, burn_in_cap=0.25))
array([0.75, 0.25])
"""

import numpy as np

from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning

# Two: with one, a first reward that is bad halves the neutral mean, and the second is long in coming.
PRIOR_REWARDS = 2.0


def neutral(arms: Arms) -> Floats:
    """The mean of the arms that were tried, 0 where none was; one number per learner."""
    tried = arms.rewards > 0
    total = np.where(tried, arms.means, 0.0).sum(-1, keepdims=True)
    return np.asarray(total / np.maximum(tried.sum(-1, keepdims=True), 1))


def known(arms: Arms) -> Floats:
    """The means, neutral where there is no reward yet."""
    return np.where(arms.rewards > 0, arms.means, neutral(arms))


def weighted(arms: Arms) -> Floats:
    """Means with the prior in them, in the shape of `arms`; all 0 where no arm has a reward."""
    means = np.where(arms.rewards > 0, arms.means, 0.0)
    drawn = arms.rewards * means + PRIOR_REWARDS * neutral(arms)
    return np.asarray(drawn / (arms.rewards + PRIOR_REWARDS))


def unknown(arms: Arms, learning: Learning) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Who is a newcomer: pulled less than the burn-in, where somebody else was not."""
    few = (arms.tried() if arms.lives is None else arms.lives) < learning.burn_in
    return np.asarray(few & ~few.all(-1, keepdims=True))


def welcomed(shares: Floats, arms: Arms, learning: Learning) -> Floats:
    """The shares, with the floor and the cap of newcomers; the others keep their proportions."""
    new = unknown(arms, learning)
    if not new.any():
        return shares
    given = np.where(new, np.maximum(shares, learning.burn_in_floor), 0.0)
    total = given.sum(-1, keepdims=True)
    most = np.maximum(total, TINY)
    given *= np.minimum(1.0, learning.burn_in_cap / most)
    rest = np.where(new, 0.0, shares)
    left = rest.sum(-1, keepdims=True)
    # Where newcomers would have had everything, the others share what the cap leaves alike.
    alike = ~new / np.maximum((~new).sum(-1, keepdims=True), 1)
    rest = np.where(left > TINY, rest / np.maximum(left, TINY), alike)
    return np.asarray(given + (1 - given.sum(-1, keepdims=True)) * rest)


TINY = 1e-12
