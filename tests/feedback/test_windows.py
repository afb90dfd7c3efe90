from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.feedback.windows import discounted, newest_of_each, newest_overall
from services.state.rewards import WINDOW


def window(*entries: tuple[int, int]) -> NDArray[Any]:
    """Entries of (time, units), oldest first."""
    return np.array([(time, 0, 0, units) for time, units in entries], WINDOW)


WINDOWS = {"old": window((1, 10), (2, 20), (3, 30)), "new": window((4, 1), (5, 2)), "never": window()}


def test_of_each_arm_the_newest() -> None:
    assert newest_of_each(WINDOWS, 2) == {"old": (2, 50), "new": (2, 3), "never": (0, 0)}


def test_of_all_arms_together_the_newest_so_losers_are_forgotten() -> None:
    assert newest_overall(WINDOWS, 3) == {"old": (1, 30), "new": (2, 3), "never": (0, 0)}
    assert newest_overall(WINDOWS, 2) == {"old": (0, 0), "new": (2, 3), "never": (0, 0)}


@pytest.mark.parametrize("newest", [newest_of_each, newest_overall])
def test_a_window_that_is_not_full_holds_everything(newest: Any) -> None:
    assert newest(WINDOWS, 1000) == {"old": (3, 60), "new": (2, 3), "never": (0, 0)}
    assert newest({}, 10) == {}


def test_overall_is_the_same_as_sorting_everything() -> None:
    rng = np.random.default_rng(5)
    times = rng.permutation(300)
    arms = {
        f"arm-{number}": window(*((int(time), int(time) % 7) for time in np.sort(times[number::3])))
        for number in range(3)
    }
    last = sorted(((time, arm) for arm, kept in arms.items() for time in kept["id_high"]))[-40:]
    found = newest_overall(arms, 40)
    for arm in arms:
        units = [int(time) % 7 for time, whose in last if whose == arm]
        assert found[arm] == (len(units), sum(units))


def test_rows_of_one_prediction_order_after_its_id() -> None:
    rows = np.array([(7, 7, 0, 100), (7, 7, 1, 200)], WINDOW)
    assert newest_overall({"a": rows, "b": window((6, 1))}, 1) == {"a": (1, 200), "b": (0, 0)}


def test_discounts_follow_the_order_of_all_arms_together() -> None:
    """Newest first: the rewards of times 5, 4, 3, 2, 1 count 1, .5, .25, .125, .0625."""
    found = discounted(WINDOWS, 100, 0.5)
    assert found["new"] == (1.5, 2 + 0.5)
    assert found["old"] == (0.4375, 30 / 4 + 20 / 8 + 10 / 16)
    assert discounted(WINDOWS, 2, 0.5)["old"] == (0.0, 0.0)


def test_a_discount_of_one_is_the_overall_window() -> None:
    assert discounted(WINDOWS, 3, 1.0) == newest_overall(WINDOWS, 3)
