"""What a policy sees of the arms."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Arms(NamedTuple):
    """What eligible arms earned. The last axis runs over the arms; axes before it are independent learners.

    rewards: how many rewards. means: their mean, where more is better; NaN where there is none.
    """

    rewards: Floats
    means: Floats

    def only(self, chosen: NDArray[np.bool_]) -> "Arms":
        """The chosen arms; `chosen` has one flag per arm."""
        return Arms(self.rewards[..., chosen], self.means[..., chosen])
