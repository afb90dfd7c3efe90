"""The latest draws, from counts that only grow."""

from dataclasses import replace

from services.feedback.canary.findings import Recent
from services.feedback.canary.lately import WINDOW_SECONDS, Lately
from services.state.pulls import Pulls
from tests.feedback.canary.plans import plan


def counts(drawn: int, failed: int) -> dict[str, Pulls]:
    return {"new": Pulls(drawn, failed), "old": Pulls(10 * drawn, failed)}


def test_what_came_before_the_first_look_is_not_counted() -> None:
    lately = Lately()
    assert lately.of("r", plan(), counts(100, 90), 0) == Recent()
    assert lately.of("r", plan(), counts(110, 95), 1) == Recent(10, 5, 100, 5)
    assert lately.of("other", plan(), counts(110, 95), 1) == Recent()


def test_what_is_older_than_the_window_is_forgotten() -> None:
    lately = Lately()
    for second in range(0, 1000, 10):
        told = lately.of("r", plan(), counts(second, 0), second)
    # Up to one mark more than the window.
    assert WINDOW_SECONDS <= told.calls <= WINDOW_SECONDS + 10


def test_another_trial_and_a_reset_begin_anew() -> None:
    lately = Lately()
    lately.of("r", plan(), counts(100, 0), 0)
    again = replace(plan(), trial=plan().trial._replace(number=2))
    assert lately.of("r", again, counts(120, 20), 1) == Recent()
    assert lately.of("r", again, counts(130, 30), 2) == Recent(10, 10, 100, 10)
    assert lately.of("r", again, counts(5, 5), 3) == Recent()
    lately.forget("r")
    assert lately.of("r", again, counts(50, 50), 4) == Recent()
