"""When a learner starts again, and from where."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.feedback.changes import THRESHOLD, Mark, Restart, alarm, restarted, since
from services.state.rewards import WINDOW


def window(units: NDArray[Any], first: int = 1, step: int = 1) -> NDArray[Any]:
    entries = np.zeros(len(units), WINDOW)
    entries["id_high"] = first + step * np.arange(len(units))
    entries["units"] = units
    return entries


def coins(rng: np.random.Generator, *spans: tuple[float, int]) -> NDArray[Any]:
    return np.concatenate([(rng.random(count) < mean) * 1_000_000 for mean, count in spans])


def test_the_ratio_is_that_of_the_best_cut() -> None:
    """Eight failures after 64 successes: n kl of each part, against all."""
    units = np.repeat([1_000_000, 0], [64, 8])
    mean = 64 / 72
    expected = 64 * np.log(1 / mean) + 8 * np.log(1 / (1 - mean))
    assert alarm({"a": window(units)}) == round(float(expected), 2)


def test_a_change_of_one_arm_restarts_all_and_the_mark_stays() -> None:
    rng = np.random.default_rng(1)
    windows = {"a": window(coins(rng, (0.9, 300), (0.2, 60))), "b": window(coins(rng, (0.5, 100)))}
    restart, left = restarted(windows, Restart())
    assert (restart.count, restart.mark.id_high) == (1, 360)
    assert [len(entries) for entries in left.values()] == [0, 0]
    # Once the window has forgotten what gave the alarm, the other arm's old rewards stay forgotten.
    later = {"a": window(coins(rng, (0.2, 300)), first=361), "b": windows["b"]}
    again, left = restarted(later, restart)
    assert again == restart
    assert (len(left["a"]), len(left["b"])) == (300, 0)


def test_what_drifts_slowly_is_noticed_though_its_last_rewards_look_alike() -> None:
    """From 0.8 to 0.5 in 3,000 rewards: by 0.05 in the last 512 of them, which no test would see."""
    for seed in range(20):
        drawn = np.random.default_rng(seed).random(3_000) < np.linspace(0.8, 0.5, 3_000)
        entries = window(drawn * 1_000_000)
        assert alarm({"a": entries}) >= THRESHOLD
        assert alarm({"a": entries[-512:]}) < THRESHOLD


def test_rewards_that_do_not_change_seldom_give_an_alarm() -> None:
    """Ten thousand steady rewards, looked at after each tenth: at a threshold of 8 nats and ten cuts, a look
    alarms with probability of at most 10 * 2 * exp(-8) = 0.7 %; the looks are far from independent."""
    rng = np.random.default_rng(2)
    entries = window(coins(rng, (0.6, 10_000)))
    looks = [alarm({"a": entries[:end]}) >= 8 for end in range(10, 10_000, 10)]
    assert sum(looks) <= 0.007 * len(looks)


def test_what_lies_after_a_mark_is_told_to_the_row() -> None:
    entries = np.array([(1, 5, 0, 7), (1, 5, 1, 8), (1, 6, 0, 9), (2, 0, 0, 10)], WINDOW)
    mark = restarted({"a": entries}, Restart())[0].mark
    assert len(since({"a": entries}, mark)["a"]) == 4
    assert since({"a": entries}, Mark(1, 5, 0))["a"]["units"].tolist() == [8, 9, 10]
    assert since({"a": entries}, Mark(1, 6, 0))["a"]["units"].tolist() == [10]
