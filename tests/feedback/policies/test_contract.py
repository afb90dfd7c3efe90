"""What every policy promises, whichever it is: a new entry of the table is tested by existing."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.feedback.policies import POLICIES
from services.feedback.policies.allocation import allocate
from services.feedback.policies.arms import Arms
from services.feedback.policies.learning import Learning

every_policy = pytest.mark.parametrize("algorithm", POLICIES)

ARM = st.tuples(st.integers(0, 2000), st.integers(0, 8), st.booleans())


def arms_of(drawn: list[tuple[int, int, bool]]) -> tuple[Arms, list[bool]]:
    """Arms with means in eighths, so that ties happen; NaN where there is no reward."""
    rewards = np.array([count for count, _, _ in drawn], dtype=float)
    means = np.where(rewards > 0, np.array([eighths / 8 for _, eighths, _ in drawn]), np.nan)
    return Arms(rewards, means), [enabled for _, _, enabled in drawn]


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
    moved = Arms(arms.rewards[order], arms.means[order])
    back = allocate(moved, [enabled[place] for place in order], Learning(algorithm))
    assert back == pytest.approx([there[place] for place in order], abs=1e-12)


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
