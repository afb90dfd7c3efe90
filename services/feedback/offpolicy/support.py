"""Whether a log can say anything of a proposal: how much it is worth, and what it never tried."""

import numpy as np

from services.feedback.offpolicy.sample import Floats, Integers

# Below, intervals of weighted means miss more often than they say; statistics of the field refuse here too.
LEAST_ESS = 100.0


def effective_size(weights: Floats) -> float:
    """(Σw)² / Σw²: how many observations of equal weight are worth as much (Kish); 0 where all weights are 0.

    >>> effective_size(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares > 0 else 0.0


def effective_units(weights: Floats, units: Integers) -> float:
    """The same of whole units: a unit that was seen a hundred times is one."""
    return effective_size(np.bincount(units, weights=weights).astype(np.float64))


def unsupported(logged: Floats, proposed: Floats) -> Floats:
    """[arms]: the share of its draws that the proposal gives each arm where the log could not draw it; both
    [n, arms]."""
    return np.asarray(np.where(logged <= 0, proposed, 0.0).mean(axis=0))
