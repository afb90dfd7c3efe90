import numpy as np
import pytest

from services.feedback.policies.arms import Arms
from services.feedback.policies.epsilon_greedy import allocate
from services.feedback.policies.learning import Learning

NONE = float("nan")


def shares(rewards: list[float], means: list[float], rate: float = 0.1) -> list[float]:
    return list(allocate(Arms(np.array(rewards), np.array(means)), Learning(exploration_rate=rate)))


def test_the_best_mean_gets_what_exploration_leaves() -> None:
    assert shares([40, 40, 40], [0.2, 0.9, 0.5]) == pytest.approx([0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3])


def test_ties_share_it() -> None:
    assert shares([40, 40, 40], [0.9, 0.9, 0.5]) == pytest.approx([0.45 + 0.1 / 3, 0.45 + 0.1 / 3, 0.1 / 3])


def test_equal_means_of_unequal_counts_are_a_tie() -> None:
    assert shares([10, 990], [0.3, 0.3]) == pytest.approx([0.5, 0.5])


def test_without_any_reward_all_are_alike() -> None:
    assert shares([0, 0, 0, 0], [NONE] * 4) == pytest.approx([0.25] * 4)


def test_exploration_rate_zero_is_greedy_and_one_is_uniform() -> None:
    assert shares([9, 9], [0.2, 0.9], 0.0) == [0.0, 1.0]
    assert shares([9, 9], [0.2, 0.9], 1.0) == [0.5, 0.5]


def test_a_newcomer_earns_its_traffic_and_does_not_inherit_it() -> None:
    assert shares([900, 900, 0], [0.9, 0.5, NONE]) == pytest.approx([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])


def test_one_good_first_reward_does_not_crown_a_newcomer() -> None:
    settled_first = shares([900, 900, 1], [0.9, 0.5, 1.0])
    assert settled_first[0] > settled_first[2]


def test_independent_learners_stand_side_by_side() -> None:
    both = allocate(Arms(np.array([[9.0, 9.0], [9.0, 9.0]]), np.array([[0.2, 0.9], [0.9, 0.2]])), Learning())
    assert both.tolist() == [pytest.approx([0.05, 0.95]), pytest.approx([0.95, 0.05])]
