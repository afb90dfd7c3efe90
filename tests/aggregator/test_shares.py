"""What calls share: time, money, and the right to try again."""

import doctest

import pytest

from services.aggregator import effort, references
from services.aggregator.chance import shuffled, unit
from services.aggregator.effort import Effort
from services.aggregator.purse import Purse
from services.models.registration import Price

CENT = Price(0.01, None, None, "USD")
METERED = Price(None, 0.001, 0.002, "USD")
FREE = Price(None, None, None, "USD")
EURO = Price(0.01, None, None, "EUR")


def test_without_a_limit_everything_may_be_called() -> None:
    assert Purse(None).refusal(CENT) is None


def test_what_is_in_flight_is_set_aside() -> None:
    purse = Purse(0.02)
    purse.promise(CENT)
    assert purse.refusal(CENT) is None
    purse.promise(CENT)
    assert "0.02 of 0.02 USD are spent or promised" in (purse.refusal(CENT) or "")
    purse.settle(CENT, None)
    assert purse.refusal(CENT) is None
    assert purse.spent == 0


def test_what_somebody_costs_who_comes_afterwards_is_kept_for_him() -> None:
    purse = Purse(0.03)
    purse.kept = CENT
    for _ in range(2):
        assert purse.refusal(CENT) is None
        purse.promise(CENT)
    assert "0.03 of 0.03 USD are spent or promised" in (purse.refusal(CENT) or "")
    purse.kept = None
    assert purse.refusal(CENT) is None
    purse.kept = EURO
    assert purse.refusal(CENT) is None


def test_a_price_per_token_is_known_to_be_more_than_nothing() -> None:
    purse = Purse(0.05)
    assert purse.refusal(METERED) is None
    purse.promise(METERED)
    purse.settle(METERED, 0.05)
    assert not purse.exceeded
    purse.promise(METERED)
    purse.settle(METERED, 0.01)
    assert purse.exceeded.startswith("max_cost: 0.06 USD were spent, and 0.05 is the limit")
    assert "costs more than 0" in (purse.refusal(METERED) or "")
    assert purse.refusal(FREE) is None


def test_other_currencies_are_not_counted_and_named() -> None:
    purse = Purse(0.01)
    purse.promise(CENT)
    assert purse.refusal(EURO) is None
    assert (purse.currency, purse.stranger) == ("USD", "EUR")


def test_retries_are_a_share_of_what_is_in_flight_and_a_few_always() -> None:
    work = Effort()
    work.retries = 2
    assert work.may_retry()
    work.retries = 3
    assert not work.may_retry()
    work.calls = 20
    assert work.may_retry()
    work.retries = 4
    assert not work.may_retry()


def test_chance_is_drawn_from_the_id_and_evenly() -> None:
    draws = [unit(f"prediction {index}", "full panel") for index in range(2000)]
    assert sum(draw < 0.05 for draw in draws) == pytest.approx(100, abs=35)
    assert unit("a", "full panel") == unit("a", "full panel") != unit("a", "order 0")
    firsts = [shuffled(3, f"prediction {index}")[0] for index in range(600)]
    assert all(firsts.count(place) == pytest.approx(200, abs=50) for place in range(3))


@pytest.mark.parametrize("module", [effort, references])
def test_the_examples_are_true(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0
