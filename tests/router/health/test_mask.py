"""Who keeps out, and when health is ignored."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.router.health.mask import Limits, Place, mask

ALL = Limits(100.0, 0.0)


def places(count: int) -> list[Place]:
    return [Place(f"v{i}", f"m{i}") for i in range(count)]


def out(*models: int) -> dict[str, float]:
    return {f"m{model}": float(turn) for turn, model in enumerate(models)}


def kept_out(count: int, ejected: dict[str, float], limits: Limits) -> list[int]:
    return [i for i, allowed in enumerate(mask(places(count), ejected, limits).allowed) if not allowed]


def test_of_two_one_may_be_ejected() -> None:
    assert kept_out(2, out(1), Limits()) == [1]
    assert kept_out(2, out(1), Limits(most_ejected=1.0)) == [1]


def test_nobody_may_where_the_limit_is_nothing() -> None:
    assert kept_out(2, out(1), Limits(most_ejected=0.0)) == []


@pytest.mark.parametrize(("most", "left_out"), [(49.9, 1), (50.0, 2), (74.9, 2), (75.0, 3)])
def test_the_share_is_a_most(most: float, left_out: int) -> None:
    assert len(kept_out(4, out(0, 1, 2), Limits(most, 0.0))) == left_out


def test_a_percentage_that_binary_cannot_hold_is_what_it_says() -> None:
    assert len(kept_out(100, out(*range(50)), Limits(29.0, 0.0))) == 29


def test_who_was_ejected_first_keeps_out() -> None:
    assert kept_out(4, out(3, 0, 2), Limits(50.0, 0.0)) == [0, 3]


@pytest.mark.parametrize(("panic_below", "panics"), [(40.0, False), (40.1, True)])
def test_panic_begins_below_its_percentage(panic_below: float, panics: bool) -> None:
    """Two of five are healthy: 40 %."""
    seen = mask(places(5), out(0, 1, 2), Limits(100.0, panic_below))
    assert seen.panic is panics
    assert sum(seen.allowed) == (5 if panics else 2)


@pytest.mark.parametrize("count", [2, 5])
def test_where_everybody_is_ejected_everybody_serves(count: int) -> None:
    seen = mask(places(count), out(*range(count)), ALL)
    assert seen.panic
    assert all(seen.allowed)


def test_disabled_variants_neither_serve_nor_count() -> None:
    """One of two enabled ones is out; that a third is disabled and well does not make it less than half."""
    given_places = [*places(2), Place("off", "m9", enabled=False)]
    assert mask(given_places, out(0), Limits(50.0, 50.0)).allowed == (False, True, False)
    assert mask(given_places, out(0, 1), ALL).allowed == (True, True, False)


def test_a_disabled_variant_is_not_ejected() -> None:
    assert mask([*places(2), Place("off", "m9", enabled=False)], {"m9": 0.0}, Limits()).panic is False


@given(
    count=some.integers(1, 12),
    ejected=some.dictionaries(some.integers(0, 12), some.floats(0, 3), max_size=13),
    most=some.floats(0, 100),
    panic_below=some.floats(0, 100),
    seed=some.integers(0, 1000),
)
def test_somebody_always_serves_and_all_replicas_agree(
    count: int, ejected: dict[int, float], most: float, panic_below: float, seed: int
) -> None:
    began = {f"m{model}": moment for model, moment in ejected.items()}
    limits, there = Limits(most, panic_below), places(count)
    seen = mask(there, began, limits)
    assert any(seen.allowed)
    assert count - sum(seen.allowed) <= max(1.0, most * count / 100 + 1e-6)
    shuffled = list(began.items())
    random.Random(seed).shuffle(shuffled)
    random.Random(seed).shuffle(there)
    again = mask(there, dict(shuffled), limits)
    assert dict(zip(there, again.allowed, strict=True)) == dict(zip(places(count), seen.allowed, strict=True))
