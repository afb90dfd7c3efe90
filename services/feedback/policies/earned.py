"""From sums of rewards in millionths of a range to what policies see."""

from typing import NamedTuple

import numpy as np

from services.feedback.policies.arms import Arms, Floats

UNITS = 1_000_000


class Earned(NamedTuple):
    """Sums of arms; the last axis runs over the arms, those before it over learners.

    n, sum: rewards that are remembered. life_n, life_sum, squares: all there ever were, for their variance;
    squares are millionths of a squared share, as the store keeps them. pending: draws without a reward.
    """

    n: Floats
    sum: Floats
    life_n: Floats
    life_sum: Floats
    squares: Floats
    pending: Floats


def arms_of(earned: Earned, minimize: bool = False, cost: Floats | None = None) -> Arms:
    """The arms, where more is better; `cost` is taken off the mean, as a share of the range.

    >>> sums = Earned(*(np.array([each]) for each in (4.0, 3e6, 4.0, 3e6, 3e6, 0.0)))
    >>> arms_of(sums).means, arms_of(sums, minimize=True).means, arms_of(sums).variances
    (array([0.75]), array([0.25]), array([0.1875]))
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(earned.n > 0, earned.sum / earned.n / UNITS, np.nan)
        life = earned.life_sum / earned.life_n / UNITS
        spread = earned.squares / earned.life_n / UNITS - life**2
    variances = np.where(earned.life_n > 0, np.maximum(spread, 0.0), np.nan)
    merits = 1 - means if minimize else means
    if cost is not None:
        # Costs beyond the range would leave it; policies for shares of it must not.
        merits = np.clip(merits - cost, 0.0, 1.0)
    # What an arm was given to start with is remembered of no life.
    lives = np.maximum(earned.life_n, earned.n) + earned.pending
    return Arms(earned.n, merits, earned.pending, variances, lives)
