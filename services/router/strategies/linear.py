"""Scores of a linear bandit: what each variant is hoped to earn in the context of a request.

score_k = centre + θ_k'x + α √(x' A_k⁻¹ x), by what feedback published of A_k and b_k (LinUCB).

>>> moments = np.array([[0.5, 0.0], [0.0, 0.5]])
>>> learnt = Linear.solved(["a", "b"], np.array([np.eye(2)] * 2), moments, 1.0, 0.25)
>>> learnt.scores(np.array([1.0, 0.0]))
{'a': 1.75, 'b': 1.25}
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """Of each variant θ [variant, d] and A⁻¹ [variant, d, d]; and what is common to all."""

    variants: Sequence[str]
    weights: Floats
    inverses: Floats
    exploration: float
    centre: float

    @classmethod
    def solved(
        cls, variants: Sequence[str], precisions: Floats, moments: Floats, exploration: float, centre: float
    ) -> "Linear":
        """From A [variant, d, d] and b [variant, d]. Raises numpy.linalg.LinAlgError where an A has no
        inverse."""
        inverses: Floats = np.linalg.inv(precisions).astype(float)
        return cls(variants, (inverses @ moments[:, :, None])[:, :, 0], inverses, exploration, centre)

    def scores(self, context: Floats) -> dict[str, float]:
        """By variant, for a context [d] that begins with a 1."""
        widths = (self.inverses @ context) @ context
        hoped = self.centre + self.weights @ context + self.exploration * np.sqrt(np.maximum(widths, 0.0))
        return dict(zip(self.variants, hoped.tolist(), strict=True))
