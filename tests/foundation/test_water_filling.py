import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.foundation.water_filling import InfeasibleBounds, fill

WANTED = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(wanted=WANTED, low=st.floats(0, 1), high=st.floats(0, 1))
def test_the_sum_is_exactly_one_and_bounds_hold_exactly(wanted: list[float], low: float, high: float) -> None:
    even = 1 / len(wanted)
    floor, cap = low * even, even + high * (1 - even)
    shares = fill(wanted, floor, cap)
    assert math.fsum(shares) == 1.0
    # Where every share sits at a bound, the last digit of one of them is what makes the sum exact.
    at_bounds = all(share in {floor, cap} for share in shares)
    slack = 1e-15 if at_bounds or floor == cap or not any(floor < share < cap for share in shares) else 1e-16
    assert min(shares) >= floor - slack
    assert max(shares) <= cap + slack


@given(wanted=WANTED)
def test_without_bounds_it_only_normalises(wanted: list[float]) -> None:
    total = math.fsum(wanted)
    if total > 1e-300:
        assert fill(wanted) == pytest.approx([share / total for share in wanted], abs=1e-12)


@given(wanted=st.lists(st.floats(0.01, 1), min_size=2, max_size=10))
def test_filling_again_changes_nothing(wanted: list[float]) -> None:
    once = fill(wanted, 0.4 / len(wanted), 0.9)
    assert fill(once, 0.4 / len(wanted), 0.9) == pytest.approx(once, abs=1e-12)


def test_whoever_hits_a_bound_gets_exactly_the_bound() -> None:
    shares = fill([0.9, 0.09, 0.01], floor=0.05, cap=0.7)
    assert shares[0] == 0.7
    assert shares[2] == 0.05
    assert math.fsum(shares) == 1.0


def test_shares_between_the_bounds_keep_their_proportion() -> None:
    shares = fill([0.6, 0.3, 0.1, 0.0], floor=0.05)
    assert shares[0] / shares[1] == pytest.approx(2.0)
    assert shares[1] / shares[2] == pytest.approx(3.0)


def test_what_a_cap_takes_from_the_only_wanted_arm_goes_to_the_others_alike() -> None:
    assert fill([1.0, 0.0, 0.0], cap=0.5) == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("floor", "cap", "said"),
    [
        (0.4, 1.0, "3 arms with a floor of 0.4 each need more than 1"),
        (0.0, 0.3, "3 arms with a cap of 0.3 each cannot make 1"),
        (0.3, 0.2, "floor 0.3 and cap 0.2"),
        (-0.1, 1.0, "floor -0.1"),
        (0.0, 1.1, "cap 1.1"),
    ],
)
def test_infeasible_bounds_are_refused(floor: float, cap: float, said: str) -> None:
    with pytest.raises(InfeasibleBounds, match=said):
        fill([0.5, 0.3, 0.2], floor, cap)


@pytest.mark.parametrize("arms", range(1, 60))
def test_bounds_that_leave_no_choice_are_feasible(arms: int) -> None:
    shares = fill([1.0] * arms, 1 / arms, 1 / arms)
    assert math.fsum(shares) == 1.0
    assert shares == pytest.approx([1 / arms] * arms)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.1])
def test_shares_that_are_no_shares_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite shares"):
        fill([0.5, wrong])
