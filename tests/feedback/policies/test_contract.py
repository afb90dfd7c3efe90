"""What every policy promises, whichever it is: a new entry of the table is tested by existing."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.feedback.policies import POLICIES
from services.feedback.policies.allocation import allocate, wanted
from services.feedback.policies.arms import Arms
from services.feedback.policies.learning import Learning

every_policy = pytest.mark.parametrize("algorithm", POLICIES)

ARM = st.tuples(st.integers(0, 2000), st.integers(0, 8), st.booleans())


def arms_of(drawn: list[tuple[int, int, bool]]) -> tuple[Arms, list[bool]]:
    """Arms with means in eighths, so that ties happen; NaN where there is no reward."""
    rewards = np.array([count for count, _, _ in drawn], dtype=float)
    means = np.where(rewards > 0, np.array([eighths / 8 for _, eighths, _ in drawn]), np.nan)
    pending = np.array([count % 5 for count, _, _ in drawn], dtype=float)
    variances = means * (1 - means)
    return Arms(rewards, means, pending, variances), [enabled for _, _, enabled in drawn]


@every_policy
@given(drawn=st.lists(ARM, min_size=1, max_size=12), rate=st.floats(0, 1))
def test_allots_exactly_one_and_nothing_to_a_disabled_arm(
    algorithm: str, drawn: list[tuple[int, int, bool]], rate: float
) -> None:
    arms, enabled = arms_of(drawn)
    assume(any(enabled))
    shares = allocate(arms, enabled, Learning(algorithm, rate))
    assert math.fsum(shares) == 1.0
    assert all(share == 0.0 for share, on in zip(shares, enabled, strict=True) if not on)
    assert all(0.0 <= share <= 1.0 for share in shares)


@every_policy
@given(drawn=st.lists(ARM, min_size=2, max_size=8), data=st.data())
def test_does_not_depend_on_the_order_of_the_arms(
    algorithm: str, drawn: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    arms, enabled = arms_of(drawn)
    assume(any(enabled))
    order = data.draw(st.permutations(range(len(drawn))))
    there = allocate(arms, enabled, Learning(algorithm))
    moved = Arms(*(part[order] for part in arms if part is not None))
    back = allocate(moved, [enabled[place] for place in order], Learning(algorithm))
    # An integral that is taken over the arms in another order is the same within its own error.
    assert back == pytest.approx([there[place] for place in order], abs=1e-9)


@every_policy
def test_gives_every_enabled_arm_its_floor_and_no_arm_more_than_the_cap(algorithm: str) -> None:
    arms = Arms(np.array([500.0, 500.0, 500.0, 500.0]), np.array([0.9, 0.5, 0.1, 0.8]))
    shares = allocate(arms, [True, True, True, False], Learning(algorithm, 0.0, floor=0.15, cap=0.6))
    assert math.fsum(shares) == 1.0
    assert min(shares[:3]) >= 0.15
    assert max(shares) <= 0.6
    assert shares[3] == 0.0


@every_policy
def test_prefers_the_arm_that_earned_more(algorithm: str) -> None:
    shares = allocate(Arms(np.array([400.0, 400.0]), np.array([0.3, 0.9])), [True, True], Learning(algorithm))
    assert shares[1] > shares[0]


def test_refuses_a_router_without_an_enabled_arm() -> None:
    with pytest.raises(ValueError, match="no arm is enabled"):
        allocate(Arms(np.array([1.0]), np.array([1.0])), [False], Learning())


@every_policy
def test_learners_side_by_side_are_computed_as_each_alone(algorithm: str) -> None:
    rng = np.random.default_rng(6)
    rewards, means = rng.integers(0, 500, (7, 4)).astype(float), rng.random((7, 4))
    together = wanted(Arms(rewards, means), Learning(algorithm))
    alone = [wanted(Arms(*each), Learning(algorithm)) for each in zip(rewards, means, strict=True)]
    assert together == pytest.approx(np.array(alone), abs=1e-12)


@every_policy
def test_forced_exploration_leaves_nobody_out(algorithm: str) -> None:
    arms = Arms(np.array([900.0, 900.0, 900.0]), np.array([0.9, 0.1, 0.1]))
    shares = allocate(arms, [True] * 3, Learning(algorithm, exploration_rate=0.3))
    assert min(shares) >= 0.1 - 1e-12


@every_policy
def test_newcomers_have_a_floor_and_a_cap_of_their_own(algorithm: str) -> None:
    arms = Arms(np.array([900.0, 900.0, 0.0]), np.array([0.9, 0.85, np.nan]))
    held = Learning(algorithm, exploration_rate=0.0, burn_in=5, burn_in_floor=0.03, burn_in_cap=0.2)
    assert 0.03 <= allocate(arms, [True] * 3, held)[2] <= 0.2
    known = Arms(np.array([900.0, 900.0, 5.0]), np.array([0.9, 0.85, 0.0]))
    settled = allocate(known, [True] * 3, held)
    assert math.fsum(settled) == 1.0


@pytest.mark.parametrize("algorithm", ["ucb1", "kl_ucb", "ucb_tuned"])
def test_pulls_count_when_they_are_made(algorithm: str) -> None:
    """The arm of which little is known is tried, unless it is being tried already."""
    rewards, means = np.array([200.0, 4.0]), np.array([0.6, 0.5])
    learning = Learning(algorithm, burn_in=0)
    assert allocate(Arms(rewards, means), [True] * 2, learning) == [0.0, 1.0]
    waiting = Arms(rewards, means, np.array([0.0, 400.0]))
    assert allocate(waiting, [True] * 2, learning) == [1.0, 0.0]
