"""When looks are due: each once, in order, whoever asks and whenever."""

from hypothesis import given
from hypothesis import strategies as st

from services.drift.schedule.timetable import MOST_LATE, SETTLE_SECONDS, Timetable

START = 1_760_000_000.0
INTERVALS = st.sampled_from([60, 300, 3600, 86_400, 604_800])


def table(interval: int = 3600, start: float = START) -> Timetable:
    return Timetable(interval, interval, start, 720)


@given(INTERVALS, st.floats(0, 1e6), st.lists(st.floats(0, 4.0), max_size=30))
def test_however_often_it_is_asked_each_look_comes_once_and_in_order(
    interval: int, start: float, pauses: list[float]
) -> None:
    """Pauses of up to four intervals, takeovers between them or not: the same looks."""
    looks, now, done, made = table(interval, START + start), START + start, None, list[int]()
    for pause in pauses:
        now += pause * interval
        for look in looks.due(done, now):
            made.append(look)
            done = look
    last = looks.newest(now)
    assert made == list(range(looks.first, last + 1))


def test_a_look_is_due_once_what_it_looks_at_has_had_time_to_arrive() -> None:
    looks = table()
    end = looks.end(looks.first)
    assert list(looks.due(None, end + SETTLE_SECONDS - 0.001)) == []
    assert list(looks.due(None, end + SETTLE_SECONDS)) == [looks.first]


def test_the_first_look_is_of_a_whole_window_after_the_start() -> None:
    looks = table(start=START)
    begin, end = looks.span(looks.first)
    assert begin <= START < end
    on_the_dot = Timetable(3600, 3600, 7200.0, 720)
    assert on_the_dot.span(on_the_dot.first) == (7200.0, 10_800.0)


def test_who_comes_too_late_passes_over_and_says_how_many() -> None:
    looks = table()
    now = looks.end(looks.first + 100) + SETTLE_SECONDS
    due = looks.due(looks.first, now)
    assert (len(due), due[-1]) == (MOST_LATE, looks.first + 100)
    assert looks.passed_over(looks.first, now) == 100 - MOST_LATE
    assert looks.passed_over(looks.first + 100 - MOST_LATE, now) == 0
