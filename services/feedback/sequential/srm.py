"""Sample-ratio mismatch: was everyone drawn with the probabilities that were logged?

A Dirichlet-multinomial e-process. Before each draw the counts so far predict ρ_a = (1 + n_a)/(e_a + K π_a)
times the logged share of arm a, where n_a counts its draws and e_a sums its shares; the capital multiplies by
q(A)/π(A) with q_a = π_a ρ_a / Σ_b π_b ρ_b. The mean of that is 1 where π is true, so that a fair draw is
called unfair with a probability of at most alpha, however often it is looked at. Shares may change with every
draw; where they stand still, this is the Bayes factor of Dirichlet(1, …, 1) against the shares.

A state is flat: the greatest and the present logarithm of the capital, then n_a, then e_a.

Reference: M. Lindon and A. Malek, Anytime-valid inference for multinomial count data, arXiv 2011.03567.
"""

import numpy as np
from numpy.typing import NDArray

from services.feedback.sequential.seen import Floats, cumulated

GREATEST, PRESENT, COUNTS = 0, 1, 2


def srm_start(arms: int) -> Floats:
    """The state before any draw among `arms` arms, at least 2."""
    if arms < 2:
        raise ValueError(f"arms must be at least 2, not {arms}: one arm is always drawn")
    return np.zeros(COUNTS + 2 * arms)


def srm_fold(state: Floats, chosen: NDArray[np.integer], shares: Floats) -> Floats:
    """The state after these draws too, in decision order; in pieces as at once, bit for bit.

    chosen: indices of arms, [..., n]; shares: [..., n, arms], each row a distribution. Raises ValueError for
    an arm that was drawn though its share is 0, shares that are none, and shapes that do not fit.
    """
    arms = (state.shape[-1] - COUNTS) // 2
    if shares.shape != (*chosen.shape, arms):
        raise ValueError(f"shares must have shape {(*chosen.shape, arms)}, not {shares.shape}")
    drawn = np.arange(arms) == chosen[..., None]
    if not ((shares >= 0.0).all() and (abs(shares.sum(-1) - 1.0) < 1e-6).all()):
        raise ValueError("the shares of each draw must be probabilities that sum to 1")
    if not (drawn & (shares > 0.0)).any(-1).all():
        raise ValueError("every chosen arm must be one that had a share above 0")
    counts, expected = (
        _carried(state, COUNTS, drawn.astype(np.float64)),
        _carried(state, COUNTS + arms, shares),
    )
    log = cumulated(
        state[..., PRESENT], _log_factors(drawn, shares, counts[..., :-1, :], expected[..., :-1, :])
    )
    greatest = np.maximum(state[..., GREATEST], log.max(-1))
    ends = np.stack([greatest, log[..., -1]], -1)
    return np.concatenate([ends, counts[..., -1, :], expected[..., -1, :]], -1)


def srm_log_evidence(state: Floats) -> float:
    """The logarithm of the greatest capital so far; call the draw unfair at log(1/alpha)."""
    return float(state[GREATEST])


def _carried(state: Floats, at: int, steps: Floats) -> Floats:
    arms = range(steps.shape[-1])
    return np.stack([cumulated(state[..., at + arm], steps[..., arm]) for arm in arms], -1)


def _log_factors(drawn: NDArray[np.bool_], shares: Floats, counts: Floats, expected: Floats) -> Floats:
    # An arm that has no share has no say; it may have had none before either, hence the 1.
    tilt = np.where(
        shares > 0.0, (1.0 + counts) / np.where(shares > 0.0, expected + drawn.shape[-1] * shares, 1.0), 0.0
    )
    total = sum(shares[..., arm] * tilt[..., arm] for arm in range(drawn.shape[-1]))
    return np.asarray(np.log((drawn * tilt).max(-1) / total))
