"""The rules common to all policies, in their order: eligibility, the policy, floor and cap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.feedback.policies import POLICIES, epsilon_greedy
from services.feedback.policies.arms import Arms
from services.foundation import water_filling


@dataclass(frozen=True, slots=True)
class Learning:
    """How a router learns. `floor` and `cap` bound the probability of every enabled arm."""

    algorithm: str = "epsilon_greedy"
    exploration_rate: float = epsilon_greedy.EXPLORATION_RATE
    floor: float = 0.0
    cap: float = 1.0


def allocate(arms: Arms, enabled: Sequence[bool], learning: Learning) -> list[float]:
    """A probability per arm; the sum is exactly 1, and a disabled arm gets 0.

    Raises ValueError where nothing is enabled, `water_filling.InfeasibleBounds`, and KeyError for an
    algorithm that is not in `POLICIES`.
    """
    chosen = np.asarray(enabled, dtype=bool)
    if not chosen.any():
        raise ValueError("no arm is enabled, so nothing can be allotted")
    wanted = POLICIES[learning.algorithm](arms.only(chosen), learning.exploration_rate)
    held = iter(water_filling.fill(wanted.tolist(), learning.floor, learning.cap))
    return [next(held) if flag else 0.0 for flag in chosen]
