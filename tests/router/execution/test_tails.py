"""When a call is slow: quantiles of what was seen lately, and only of enough."""

import random

import pytest

from services.router.execution.tails import KEPT, LEAST_SAMPLES, MOST_MODELS, Tail, Tails


def test_too_little_is_not_known_and_nothing_is_hedged_by_it() -> None:
    tails = Tails()
    for _ in range(LEAST_SAMPLES - 1):
        tails.note("a", 0.01)
    assert tails.delay("a", 0.95, 0.0) is None
    assert tails.fastest("a") == 0
    tails.note("a", 0.01)
    assert tails.delay("a", 0.95, 0.0) == 0.01
    assert tails.fastest("a") == 0.01
    assert tails.delay("b", 0.95, 0.0) is None


def test_the_delay_is_never_less_than_the_least() -> None:
    tails = Tails()
    for _ in range(LEAST_SAMPLES):
        tails.note("a", 0.01)
    assert tails.delay("a", 0.95, 0.02) == 0.02


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_the_quantile_is_that_of_the_latest(share: float) -> None:
    rng, tail = random.Random(3), Tail()
    for _ in range(1000):
        tail.note(100.0)
    latest = [rng.expovariate(1.0) for _ in range(KEPT)]
    for seconds in latest:
        tail.note(seconds)
    found = tail.quantile(share)
    assert found is not None
    below = sum(seconds <= found for seconds in latest) / KEPT
    assert share <= below < share + 2 / KEPT


def test_hedges_that_win_do_not_bring_the_quantile_down() -> None:
    """Each call that is slower than the quantile is abandoned there, as a hedge that wins does it."""
    rng, tail = random.Random(5), Tail()
    for _ in range(KEPT):
        tail.note(rng.expovariate(1.0))
    raced = 0
    for _ in range(20_000):
        limit, seconds = tail.quantile(0.95), rng.expovariate(1.0)
        assert limit is not None
        raced += seconds > limit
        tail.note(min(seconds, limit + 1e-3))
    # The quantile of 256 samples wanders by itself: (0.95 * 0.05 / 256) ** 0.5 is 0.014.
    assert 0.03 < raced / 20_000 < 0.09


def test_what_is_remembered_is_bounded() -> None:
    tails = Tails()
    for number in range(MOST_MODELS + 1):
        for _ in range(LEAST_SAMPLES if number in (0, MOST_MODELS) else 1):
            tails.note(str(number), 1.0)
    assert tails.delay("0", 0.5, 0.0) is None
    assert tails.delay(str(MOST_MODELS), 0.5, 0.0) == 1.0
