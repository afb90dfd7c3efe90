"""Evidence folded from observations in decision order; a state is a flat array of float64 (see `layout`).

Folding in pieces gives the state of folding at once, bit for bit, wherever the pieces are cut: every sum is
carried from the left. Time is the last axis of observations, as the entries are of a state; axes before it
are independent tests.

>>> test = Test("binary")
>>> after = fold(test, start(test), np.array([True, False]), np.array([1.0, 0.0]), np.array([0.5, 0.5]))
>>> round(log_evidence(test, after), 3)
0.216
"""

import numpy as np

from services.feedback.sequential import PROCESSES, layout, mean
from services.feedback.sequential.questions import Test, checked
from services.feedback.sequential.seen import Flags, Floats, Seen, Sums, cumulated


def start(test: Test) -> Floats:
    """The state before any observation."""
    return np.zeros(layout.BETS + test.bets)


def fold(test: Test, state: Floats, treated: Flags, values: Floats, shares: Floats) -> Floats:
    """The state after these observations too; `state` is left as it was.

    treated, values, shares: one shape [..., n], in decision order; shares are P(treatment | this pair) as
    logged. Where a share is 0 or 1 there was no choice and nothing is learnt: such an observation changes
    nothing (of kind "level" it counts where it was treated). Raises ValueError for shapes that differ and for
    values that the kind does not take.
    """
    _check(test, treated, values, shares)
    chance = (shares > 0.0) & (shares < 1.0)
    tells = chance if PROCESSES[test.kind].CHOICE else treated | chance
    arms = _per_arm(state, treated, values, tells)
    before = Sums(*(each[..., :-1] for each in arms))
    seen = Seen(treated, values, np.where(chance, shares, 0.5), before)
    effects = np.where(chance, mean.effects(seen), 0.0)
    moments = [
        cumulated(state[..., layout.EFFECT], effects),
        cumulated(state[..., layout.SQUARE], effects**2),
    ]
    bets = _bets(test, state, seen, tells)
    greatest = np.maximum(state[..., layout.GREATEST], layout.mixed(bets).max(-1))
    last = [*(each[..., -1] for each in (*arms, *moments)), greatest, *bets[..., -1]]
    return np.stack(last, axis=-1)


def log_evidence(test: Test, state: Floats) -> float:
    """The logarithm of the greatest capital so far; declare at log(1/alpha), and stay with it.

    It never falls. Its inverse is a p that is valid at any time; an e-value it is not, for which see
    `log_capital`.
    """
    return float(checked(test, state)[layout.GREATEST])


def log_capital(test: Test, state: Floats) -> float:
    """The logarithm of the present capital, which may fall: an e-value at any one look, as e-BH wants it."""
    return float(layout.mixed(checked(test, state)[layout.BETS :]))


def _per_arm(state: Floats, treated: Flags, values: Floats, tells: Flags) -> Sums:
    treatment, baseline = treated & tells, ~treated & tells
    steps = (baseline, treatment, np.where(baseline, values, 0.0), np.where(treatment, values, 0.0))
    return Sums(*(cumulated(carried, step) for carried, step in zip(layout.sums(state), steps, strict=True)))


def _bets(test: Test, state: Floats, seen: Seen, tells: Flags) -> Floats:
    """Logarithms of capital, [bets, ..., n + 1]."""
    process = PROCESSES[test.kind]
    factors = (process.multiply(seen, test.margin, bet) for bet in process.BETS)
    logs = (np.log(np.where(tells, each, 1.0)) for each in factors)
    return np.stack([cumulated(state[..., layout.BETS + at], each) for at, each in enumerate(logs)])


def _check(test: Test, treated: Flags, values: Floats, shares: Floats) -> None:
    if not treated.shape == values.shape == shares.shape:
        raise ValueError(
            f"treated {treated.shape}, values {values.shape} and shares {shares.shape} must be alike in shape"
        )
    if treated.dtype != np.bool_:
        raise ValueError(f"treated must be flags, not {treated.dtype}")
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise ValueError("values must lie in [0, 1]; (metric - low) / (high - low) brings a metric there")
    if PROCESSES[test.kind].WHOLE and not ((values == 0.0) | (values == 1.0)).all():
        raise ValueError(f"values must be 0 or 1 for kind {test.kind!r}; kind 'mean' takes what lies between")
    if not ((shares >= 0.0) & (shares <= 1.0)).all():
        raise ValueError("shares must be probabilities, from 0 to 1")
