"""Ejections as replicas hear of them: in any order, twice, late, and by clocks that jump."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.router.health.rules import Rules
from services.router.health.standing import Standing, cleared, ejected, merged
from services.state.ejections import Entry

RULES = Rules(interval=10.0, base_ejection=30.0, max_ejection=100.0)
HOURS = 5 * 3600.0


@dataclass(frozen=True)
class Told:
    number: int = 1
    times: int = 1
    out: bool = True
    began: float = 0.0
    left: float = 30.0
    ended_ago: float = 0.0
    expires: float = 30_000.0
    reason: str = "5 failures in a row"


def test_each_ejection_lasts_longer_up_to_the_longest() -> None:
    standing, lasted = Standing(), list[float]()
    for _ in range(5):
        standing = ejected(standing, RULES, "why", 0.0, 0.0)
        lasted.append(standing.until)
        standing = cleared(standing, 0.0)
    assert lasted == [30, 60, 90, 100, 100]


@pytest.mark.parametrize(("healthy", "lasts"), [(9.0, 60.0), (10.0, 30.0), (1e9, 30.0)])
def test_an_interval_in_health_forgives_one_time(healthy: float, lasts: float) -> None:
    once = cleared(ejected(Standing(), RULES, "why", 0.0, 0.0), 50.0)
    again = ejected(once, RULES, "why", 50.0 + healthy, 0.0)
    assert again.until == pytest.approx(50.0 + healthy + lasts)


def test_a_failed_probe_keeps_the_place_in_the_row() -> None:
    first = ejected(Standing(), RULES, "5 failures in a row", 100.0, 1_000.0)
    second = ejected(first, RULES, "its probe failed", 130.0, 31_000.0)
    assert (second.began, second.times, second.number, second.until) == (1_000.0, 2, 2, 190.0)


def test_an_expiry_is_never_shortened_by_an_ejection_with_a_shorter_term() -> None:
    long = ejected(replace(Standing(), times=9, ended=1e9), RULES, "why", 0.0, 0.0)
    short = Rules(base_ejection=1.0, max_ejection=1.0)
    assert ejected(long, short, "its probe failed", 50.0, 0.0).until == 100.0


def test_what_is_heard_twice_changes_nothing() -> None:
    """The second reading comes later, with as much time left: only a clock that was put back says so."""
    mine = merged(Standing(), Told(), 100.0)
    assert merged(mine, Told(), 125.0) is mine


def test_a_newer_expiry_of_the_same_ejection_only_extends() -> None:
    mine = merged(Standing(), Told(left=30.0), 100.0)
    assert merged(mine, Told(left=50.0, expires=60_000.0), 110.0).until == 160.0
    assert merged(mine, Told(left=1.0, expires=60_000.0), 110.0).until == 130.0


def test_a_late_end_does_not_undo_a_newer_ejection() -> None:
    mine = merged(Standing(), Told(number=3), 100.0)
    assert merged(mine, Told(number=2, out=False), 101.0) is mine


def test_old_news_of_an_ejection_do_not_undo_its_end() -> None:
    mine = cleared(merged(Standing(), Told(), 100.0), 130.0)
    assert merged(mine, Told(expires=99_000.0), 131.0) is mine


def entry(**said: int) -> Entry:
    known = {"now": 0, "number": 1, "times": 1, "span": 30_000, "began": 0, "expires": 30_000, "cleared": 0}
    return Entry(model_uid="m", reason="why", by="r", **{**known, **said})


@pytest.mark.parametrize(
    ("jump", "left"), [(0, 30.0), (-int(HOURS * 1000), 30.0), (10_000, 20.0), (int(HOURS * 1000), 0.0)]
)
def test_a_reading_after_a_jump_gives_no_more_than_the_term_and_no_less_than_nothing(
    jump: int, left: float
) -> None:
    assert entry(now=jump).left == left


@pytest.mark.parametrize("jump", [-int(HOURS * 1000), int(HOURS * 1000)])
def test_a_clock_that_jumps_neither_holds_nor_frees_whoever_is_out(jump: int) -> None:
    """Redis' clock jumps by hours while a replica polls each second: the expiry stays where it was."""
    mine = merged(Standing(), entry(), 100.0)
    for second in range(1, 30):
        mine = merged(mine, entry(now=second * 1000 + jump), 100.0 + second)
    assert (mine.until, mine.out) == (130.0, True)


@some.composite
def histories(draw: some.DrawFn) -> list[Told]:
    """What Redis says of one model, in order: ejected, extended, cleared, and again. All read at one time."""
    said, expires = list[Told](), 0.0
    for number in range(1, draw(some.integers(1, 4)) + 1):
        for _ in range(draw(some.integers(1, 3))):
            expires += draw(some.floats(0, 100))
            said.append(Told(number, number, True, number, expires / 1000, 0.0, expires))
        if draw(some.booleans()):
            said.append(Told(number, number, False, number, 0.0, 0.0, expires))
    return said


@given(history=histories(), order=some.randoms(use_true_random=False))
def test_in_whatever_order_it_is_heard_the_last_word_is_the_same(history: list[Told], order: object) -> None:
    in_order = mixed = Standing()
    for told in history:
        in_order = merged(in_order, told, 0.0)
    shuffled = history * 2
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for told in shuffled:
        before, mixed = mixed, merged(mixed, told, 0.0)
        assert mixed.number >= before.number >= 0
        if before.out and mixed.out:
            assert mixed.until >= before.until
    assert (mixed.number, mixed.out) == (in_order.number, in_order.out)
    if mixed.out:
        assert mixed.until == in_order.until
