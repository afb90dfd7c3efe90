import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from services.feedback.sequential import srm
from services.feedback.sequential.seen import Floats
from services.feedback.sequential.srm import srm_fold, srm_log_evidence, srm_start

LN_100 = np.log(100.0)


def drawn(rng: np.random.Generator, shares: Floats) -> NDArray[np.intp]:
    return np.asarray((rng.random(shares.shape[:-1])[..., None] > shares.cumsum(-1)).sum(-1))


def changing(length: int, arms: int = 3, seed: int = 5) -> Floats:
    """Shares that differ from draw to draw; the last arm comes late."""
    shares = np.random.default_rng(seed).dirichlet(np.ones(arms), length)
    shares[: length // 2, -1] = 0.0
    return np.asarray(shares / shares.sum(-1, keepdims=True))


def test_the_next_draw_gains_nothing_in_the_mean_whatever_was_drawn() -> None:
    rng, shares = np.random.default_rng(1), changing(400)
    chosen, state = drawn(rng, shares), srm_start(3)
    for at in range(399):
        state = srm_fold(state, chosen[at : at + 1], shares[at : at + 1])
        nexts = [arm for arm in range(3) if shares[at + 1, arm] > 0]
        ends = [srm_fold(state, np.array([arm]), shares[at + 1 : at + 2])[srm.PRESENT] for arm in nexts]
        gains = np.exp(np.array(ends) - state[srm.PRESENT])
        assert (shares[at + 1, nexts] * gains).sum() == pytest.approx(1.0, abs=1e-9)


def test_draws_fold_in_pieces_as_at_once_bit_for_bit() -> None:
    shares = changing(3000)
    chosen = drawn(np.random.default_rng(2), shares)
    at_once = srm_fold(srm_start(3), chosen, shares)
    for size in (1, 7, 1000):
        state = srm_start(3)
        for low in range(0, 3000, size):
            state = srm_fold(state, chosen[low : low + size], shares[low : low + size])
        assert state.tobytes() == at_once.tobytes()


def test_a_fair_draw_with_changing_shares_is_seldom_called_unfair() -> None:
    runs, length = 200, 2000
    shares = np.broadcast_to(changing(length), (runs, length, 3))
    chosen = drawn(np.random.default_rng(3), shares)
    states = srm_fold(np.tile(srm_start(3), (runs, 1)), chosen, shares)
    unfair = int((states[:, srm.GREATEST] >= LN_100).sum())
    # One run in a million would have more at an error rate of 1 %.
    assert unfair <= binom.isf(1e-6, runs, 0.01)


def test_a_draw_that_favours_an_arm_is_found_while_shares_change() -> None:
    shares = changing(20_000, arms=2)
    shares[:, 1], shares[:, 0] = 0.1 + 0.4 * shares[:, 0], 0.9 - 0.4 * shares[:, 0]
    real = shares * [1.0, 1.15]
    chosen = drawn(np.random.default_rng(4), real / real.sum(-1, keepdims=True))
    assert srm_log_evidence(srm_fold(srm_start(2), chosen, shares)) > LN_100


@pytest.mark.parametrize(
    ("chosen", "shares", "why"),
    [
        ([0], [[0.5, 0.5, 0.0]], r"shares must have shape \(1, 2\)"),
        ([1], [[1.0, 0.0]], "every chosen arm"),
        ([2], [[0.5, 0.5]], "every chosen arm"),
        ([0], [[float("nan"), 0.5]], "probabilities that sum to 1"),
        ([0], [[0.5, 0.6]], "probabilities that sum to 1"),
    ],
)
def test_a_draw_that_cannot_be_is_refused(chosen: list[int], shares: list[list[float]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        srm_fold(srm_start(2), np.array(chosen), np.array(shares))


def test_one_arm_is_no_draw() -> None:
    with pytest.raises(ValueError, match="arms must be at least 2"):
        srm_start(1)
