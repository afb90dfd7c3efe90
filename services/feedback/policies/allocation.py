"""The rules common to all policies, in their order: eligibility, the policy, newcomers, floor and cap."""

from collections.abc import Sequence

import numpy as np

from services.feedback.policies import POLICIES, newcomer
from services.feedback.policies.arms import Arms, Floats
from services.feedback.policies.learning import Learning
from services.foundation import water_filling


class NotAllotted(ValueError):
    """No allocation can be computed from these arms."""


def allocate(arms: Arms, enabled: Sequence[bool], learning: Learning) -> list[float]:
    """A probability per arm; the sum is exactly 1, and a disabled arm gets 0.

    Raises ValueError where nothing is enabled or the integral of a posterior is off,
    `water_filling.InfeasibleBounds`, and KeyError for an algorithm that is not in `POLICIES`.
    """
    chosen = np.asarray(enabled, dtype=bool)
    if not chosen.any():
        raise NotAllotted("no arm is enabled, so nothing can be allotted")
    held = iter(bounded(wanted(arms.only(chosen), learning), learning))
    return [next(held) if flag else 0.0 for flag in chosen]


def wanted(arms: Arms, learning: Learning) -> Floats:
    """What the policy and the rules of newcomers give to eligible arms, before floor and cap; of many
    learners at once. NaN for a learner that has to be refused."""
    # A policy of the context decides in the router, request by request; without one all are alike.
    shares = even(arms) if learning.features else POLICIES[learning.algorithm](arms, learning)
    return newcomer.welcomed(shares, arms, learning)


def bounded(shares: Sequence[float] | Floats, learning: Learning) -> list[float]:
    """The shares of one learner within floor and cap. Raises NotAllotted, InfeasibleBounds."""
    if not np.isfinite(shares).all():
        raise NotAllotted("the probabilities of being best do not sum to 1 within 1e-6")
    return water_filling.fill(list(map(float, shares)), learning.floor, learning.cap)


def even(arms: Arms) -> Floats:
    """The same share for every arm."""
    return np.full(arms.rewards.shape, 1 / arms.rewards.shape[-1])
