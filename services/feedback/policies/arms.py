"""What a policy sees of the arms."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Arms(NamedTuple):
    """What eligible arms earned. The last axis runs over the arms; axes before it are independent learners.

    rewards: how many rewards, a fraction where older ones count less. means: their mean, where more is
    better; NaN where there is none. pending: draws whose reward is still to come; None for nowhere.
    variances: of single rewards, NaN where unknown; None for nowhere known.
    lives: pulls in all their lives, whatever is remembered of them; None for as many as are.
    """

    rewards: Floats
    means: Floats
    pending: Floats | None = None
    variances: Floats | None = None
    lives: Floats | None = None

    def only(self, chosen: NDArray[np.bool_]) -> "Arms":
        """The chosen arms; `chosen` has one flag per arm."""
        return Arms(*(None if each is None else each[..., chosen] for each in self))  # type: ignore[arg-type]

    def tried(self) -> Floats:
        """Pulls, made when they were drawn: rewards and what is still to come."""
        return self.rewards if self.pending is None else self.rewards + self.pending
