"""Draws that are waited for."""

from services.feedback.outstanding import Outstanding
from services.state.arm_states import ArmTotals
from services.state.pulls import Pulls


def drawn(**counts: int) -> dict[str, Pulls]:
    return {arm: Pulls(count) for arm, count in counts.items()}


def test_draws_without_a_reward_are_waited_for() -> None:
    waiting = Outstanding()
    waiting.of("r", 100.0, {}, {}, 0.0)
    assert waiting.of("r", 100.0, drawn(a=9, b=4), {"a": ArmTotals(n=5)}, 10.0) == {"a": 4.0, "b": 4.0}


def test_after_the_delay_nobody_waits_any_more() -> None:
    waiting = Outstanding()
    for now in range(0, 200, 10):
        waiting.of("r", 100.0, drawn(a=now), {}, float(now))
    assert waiting.of("r", 100.0, drawn(a=200), {}, 200.0)["a"] <= 120
    assert waiting.of("r", 100.0, drawn(a=200), {}, 500.0) == {"a": 0.0}


def test_rewards_of_many_rows_of_one_draw_leave_nothing_to_wait_for() -> None:
    waiting = Outstanding()
    waiting.of("r", 100.0, {}, {}, 0.0)
    assert waiting.of("r", 100.0, drawn(a=2), {"a": ArmTotals(n=500)}, 1.0) == {"a": 0.0}


def test_routers_that_are_gone_are_forgotten() -> None:
    waiting = Outstanding()
    waiting.of("r", 100.0, drawn(a=3), {}, 0.0)
    waiting.keep(set())
    assert waiting.of("r", 100.0, drawn(a=7), {}, 1.0) == {"a": 0.0}
