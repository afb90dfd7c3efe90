"""Kullback-Leibler divergence of the current sample from the reference, in nats: on request only.

KL = sum over bins of q ln(q / p). It is not symmetric, and without bounds: a bin that the reference never
saw would make it infinite, so such a bin gets the share that it gets in PSI. PSI is this and its mirror.

Reference: S. Kullback, R. A. Leibler, On Information and Sufficiency, Ann. Math. Stat. 22, 1951.

>>> round(measure(np.array([500, 300, 200]), np.array([300, 300, 400])).value, 4)
0.124
"""

import numpy as np
from scipy.special import rel_entr

from services.drift.statistics.counts import Counts, Measurement, Pairs, one
from services.drift.statistics.psi import filled_shares


def measure(reference: Counts, current: Counts, epsilon: float | None = None) -> Measurement | None:
    """Divergence of two count vectors over the same bins; `epsilon` as PSI's."""
    pairs = one(reference, current)
    return measure_many(pairs, epsilon)[0] if pairs else None


def measure_many(pairs: Pairs, epsilon: float | None = None) -> list[Measurement | None]:
    """The same of many features at once; None where a sample is empty."""
    p, _ = filled_shares(pairs, epsilon)
    # Filled bins make the shares add up to a little more than one, which can leave a hair below zero.
    nats = np.maximum(pairs.sum(rel_entr(pairs.shares[1], p)), 0.0)
    found = zip(pairs.there, nats.tolist(), strict=True)
    return [Measurement(value) if there else None for there, value in found]
