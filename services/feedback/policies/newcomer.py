"""How an arm is judged of which little is known.

Every mean is drawn towards the mean of the arms that were tried, as if `PRIOR_REWARDS` such rewards had been
seen: m' = (n m + c m0) / (n + c). An arm without a reward is thus neither better nor worse than the rest: it
earns its share by exploration and inherits none, and one unlucky first reward does not end it. The pull
vanishes as 1/n.

>>> weighted(Arms(np.array([8.0, 0.0]), np.array([0.5, np.nan])))
array([0.5, 0.5])
>>> weighted(Arms(np.array([8.0, 2.0]), np.array([0.5, 0.0])))
array([0.45 , 0.125])
"""

import numpy as np

from services.feedback.policies.arms import Arms, Floats

# Two: with one, a first reward that is bad halves the neutral mean, and the second is long in coming.
PRIOR_REWARDS = 2.0


def weighted(arms: Arms) -> Floats:
    """Means with the prior in them, in the shape of `arms`; all 0 where no arm has a reward."""
    tried = arms.rewards > 0
    known = np.where(tried, arms.means, 0.0)
    neutral = known.sum(-1, keepdims=True) / np.maximum(tried.sum(-1, keepdims=True), 1)
    return np.asarray((arms.rewards * known + PRIOR_REWARDS * neutral) / (arms.rewards + PRIOR_REWARDS))
