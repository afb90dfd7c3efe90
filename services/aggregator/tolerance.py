"""When two numbers count as the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Two numbers are the same if they differ by at most `absolute`, or by `relative` times the larger
    magnitude; whichever allows more.

    As symmetric as math.isclose (PEP 485), and not transitive: 1.0 and 1.2 may both be the same as 1.1.
    """

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the field that is no finite number from 0."""
        for name, value in (("absolute", self.absolute), ("relative", self.relative)):
            if not (value >= 0 and np.isfinite(value)):
                raise ValueError(f"tolerance.{name}: a finite number from 0 expected, got {value:g}")

    def allowed(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        """The greatest difference that counts as none, in the numbers' own unit."""
        magnitude = np.maximum(np.abs(left), np.abs(right))
        return np.asarray(np.maximum(self.absolute, self.relative * magnitude))

    def same(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Elementwise; shapes broadcast.

        >>> Tolerance(relative=0.01).same(np.array([100.0, 1.0]), np.array([101.0, 1.1])).tolist()
        [True, False]
        """
        return np.asarray(np.abs(left - right) <= self.allowed(left, right))


EXACT = Tolerance()
# What arithmetic in another order may cost, and nothing that anybody measured.
ROUNDING = Tolerance(absolute=1e-12, relative=1e-9)
