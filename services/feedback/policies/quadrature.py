"""The probability that each of several independent variables is the greatest, by quadrature.

P_k = ∫ f_k ∏_{j≠k} F_j, by Gauss and Legendre with 64 nodes a piece, over pieces that end where the range of
an arm ends: fixed nodes over everything would miss a narrow posterior. Below the greatest of the lower ends
every integrand vanishes, as some F_j does. The F_j at the nodes are integrals of the f_j by the same rule, so
nothing but densities is evaluated. Ranges reach eight standard deviations either way.

>>> normal = lambda x, places: -0.5 * (x - np.array([[[0.0], [1.0]]])[:, places[0]]) ** 2 - 0.9189385332046727
>>> ranges = np.array([[-8.0, -7.0]]), np.array([[8.0, 9.0]])
>>> greatest(normal, *ranges).round(6)  # Φ(±1/√2)
array([[0.23975, 0.76025]])
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from services.feedback.policies.arms import Floats

NODES = 64
# Off by more than this, the probabilities are not to be drawn from.
TOLERANCE = 1e-6
LEAST = 1e-30
# ln f of the arms at `places` [learner, arm], at x [learner, 1, node]: [learner, arm, node].
LogDensity: TypeAlias = Callable[[Floats, NDArray[np.intp]], Floats]


def greatest(log_density: LogDensity, low: Floats, high: Floats) -> Floats:
    """Probabilities [learner, arm] from densities and the ranges [learner, arm] that hold their mass.

    A learner whose probabilities do not sum to 1 within TOLERANCE has NaN: it must be refused.
    """
    nodes, weights, above = _rule()
    order = np.argsort(-high, axis=-1, kind="stable")
    bottom = low.max(-1, keepdims=True)
    edges = np.concatenate([np.maximum(np.take_along_axis(high, order, -1), bottom), bottom], axis=-1)
    survival, found = np.zeros(low.shape), np.zeros(low.shape)
    for count in range(1, low.shape[-1] + 1):
        # From the top down: of the first `count` arms, each reaches at least to the upper edge.
        half = ((edges[:, count - 1] - edges[:, count]) / 2)[:, None, None]
        if not half.any():
            continue
        x = edges[:, count, None, None] + half * (1 + nodes)
        density = half * np.exp(log_density(x, order[:, :count]))
        below = 1 - survival[:, :count, None] - density @ above
        mass = density * weights
        # The product of the others is that of all less one factor; none is so small that it would not divide.
        np.maximum(below, LEAST, out=below)
        found[:, :count] += (mass / below * below.prod(1, keepdims=True)).sum(-1)
        survival[:, :count] += mass.sum(-1)
    total = found.sum(-1, keepdims=True)
    shares = np.where(np.abs(total - 1) <= TOLERANCE, found / np.maximum(total, 0.5), np.nan)
    unsorted = np.empty_like(shares)
    np.put_along_axis(unsorted, order, shares, -1)
    return unsorted


@cache
def _rule() -> tuple[Any, Any, Any]:
    """Nodes and weights on [-1, 1]; the matrix that takes values at the nodes to ∫ from each node to 1."""
    nodes, weights = legendre.leggauss(NODES)
    degrees = np.arange(NODES)
    values = legendre.legvander(nodes, NODES)
    # ∫ P_n from x to 1 is (P_{n-1}(x) - P_{n+1}(x)) / (2n + 1), and 1 - x for n = 0.
    integrals = np.empty((NODES, NODES))
    integrals[:, 0] = 1 - nodes
    integrals[:, 1:] = (values[:, :-2] - values[:, 2:]) / (2 * degrees[1:] + 1)
    coefficients = values[:, :NODES] * weights[:, None] * (2 * degrees + 1) / 2
    return nodes, weights, np.ascontiguousarray(coefficients @ integrals.T)
