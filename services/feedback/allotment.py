"""From what a router's arms earned to the probability of each."""

from collections.abc import Mapping

import numpy as np

from services.feedback.policies.allocation import allocate
from services.feedback.policies.arms import Arms
from services.feedback.rules import Rules
from services.feedback.windows import WindowSum

NOTHING = WindowSum(0, 0)


def allot(rules: Rules, earned: Mapping[str, WindowSum]) -> dict[str, float]:
    """A probability per variant of the configuration, from the rewards in its window; empty where the router
    does not learn.

    Raises KeyError for an algorithm that is not in the table, ValueError for bounds that cannot be met and
    where no variant is enabled.
    """
    if rules.learning is None:
        return {}
    sums = [earned.get(variant, NOTHING) for variant in rules.enabled]
    means = [rules.reward.merit(each.sum / each.n) if each.n else np.nan for each in sums]
    arms = Arms(np.array([float(each.n) for each in sums]), np.array(means))
    shares = allocate(arms, list(rules.enabled.values()), rules.learning)
    return dict(zip(rules.enabled, shares, strict=True))
