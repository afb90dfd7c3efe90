"""When a model is condemned, and when it is not."""

import pytest

from services.router.health import INTERVAL_JUDGES, consecutive
from services.router.health.outcomes import patience, verdict
from services.router.health.rules import Rules
from services.router.health.tally import MOST_LATENCIES, Tally
from services.router.health.terms import forgiven, term

RULES = Rules(min_requests=10, max_latency_factor=3.0)
rate, slow = INTERVAL_JUDGES["success_rate"], INTERVAL_JUDGES["latency"]


def seen(answers: int, failures: int, seconds: float = 0.01) -> Tally:
    tally = Tally()
    for _ in range(answers):
        tally.add(True, seconds)
    for _ in range(failures):
        tally.add(False, 9.0)
    return tally


@pytest.mark.parametrize(("streak", "condemned"), [(0, False), (4, False), (5, True), (25, True)])
def test_failures_in_a_row(streak: int, condemned: bool) -> None:
    assert bool(consecutive.judge(streak, Rules())) is condemned


@pytest.mark.parametrize(("answers", "condemned"), [(4, True), (5, False), (10, False)])
def test_a_rate_below_the_least_one_is_condemned_where_peers_do_better(answers: int, condemned: bool) -> None:
    assert bool(rate(seen(answers, 10 - answers), [seen(10, 0)], RULES)) is condemned


def test_an_outage_of_all_condemns_nobody() -> None:
    models = [seen(1, 19), seen(2, 18), seen(0, 20)]
    for mine in models:
        assert rate(mine, [peer for peer in models if peer is not mine], RULES) == ""


def test_one_sick_peer_among_well_ones_is_no_excuse() -> None:
    assert rate(seen(0, 20), [seen(20, 0), seen(0, 20), seen(19, 1)], RULES)


@pytest.mark.parametrize(("mine", "peer"), [(seen(0, 9), seen(10, 0)), (seen(0, 10), seen(9, 0))])
def test_too_few_calls_neither_condemn_nor_bear_witness(mine: Tally, peer: Tally) -> None:
    assert rate(mine, [peer], RULES) == ""


def test_without_peers_there_is_no_rate_to_compare() -> None:
    assert rate(seen(0, 100), [], RULES) == ""


@pytest.mark.parametrize(("seconds", "condemned"), [(0.029, False), (0.031, True)])
def test_a_p95_at_the_factor_of_its_peers_median_is_condemned(seconds: float, condemned: bool) -> None:
    peers = [seen(20, 0, 0.01), seen(20, 0, 0.002), seen(20, 0, 5.0)]
    assert bool(slow(seen(20, 0, seconds), peers, RULES)) is condemned


def test_latency_is_off_by_default() -> None:
    assert slow(seen(100, 0, 60.0), [seen(100, 0, 0.001)], Rules()) == ""


def test_a_p95_needs_no_more_answers_than_are_kept() -> None:
    many = Rules(min_requests=10 * MOST_LATENCIES, max_latency_factor=3.0)
    assert slow(seen(MOST_LATENCIES, 0, 1.0), [seen(MOST_LATENCIES, 0, 0.1)], many)


def test_failures_say_nothing_of_how_long_answers_take() -> None:
    assert seen(20, 19, 0.01).p95 == 0.01
    assert seen(0, 20).p95 is None


@pytest.mark.parametrize(
    ("outcome", "code", "waited", "says"),
    [
        ("SERVED", "", 0.1, True),
        ("CONTRIBUTED", "", 0.1, True),
        ("DISCARDED", "", 0.1, True),
        ("FAILED", "UNAVAILABLE", 0.0, False),
        ("FAILED", "INTERNAL", 0.0, False),
        ("FAILED", "RESOURCE_EXHAUSTED", 0.0, False),
        ("TIMED_OUT", "DEADLINE_EXCEEDED", 1.0, False),
        # The caller's input, time, and leaving; our own limits.
        ("FAILED", "INVALID_ARGUMENT", 0.0, None),
        ("FAILED", "OUT_OF_RANGE", 0.0, None),
        ("TIMED_OUT", "DEADLINE_EXCEEDED", 0.99, None),
        ("CANCELLED", "CANCELLED", 9.0, None),
        ("DROPPED", "RESOURCE_EXHAUSTED", 0.0, None),
        ("SKIPPED", "INVALID_ARGUMENT", 0.0, None),
    ],
)
def test_what_an_outcome_says_of_the_model(outcome: str, code: str, waited: float, says: bool | None) -> None:
    assert verdict(outcome, code, waited, patient=1.0) is says


def test_callers_without_time_do_not_condemn_a_slow_model() -> None:
    """Its answers take 2 s; who leaves it 50 ms learns nothing of its health."""
    assert verdict("TIMED_OUT", "DEADLINE_EXCEEDED", 0.05, patience(30.0, 2.0)) is None
    assert verdict("TIMED_OUT", "DEADLINE_EXCEEDED", 20.0, patience(30.0, 2.0)) is False


def test_a_model_that_hangs_is_found_by_callers_with_less_time_than_its_timeout() -> None:
    assert verdict("TIMED_OUT", "DEADLINE_EXCEEDED", 0.5, patience(30.0, 0.02)) is False


def test_terms_grow_up_to_the_longest_and_are_forgiven_down_to_none() -> None:
    rules = Rules(interval=10.0, base_ejection=30.0, max_ejection=75.0)
    assert [term(times, rules) for times in (1, 2, 3, 1000)] == [30, 60, 75, 75]
    assert [forgiven(2, healthy, rules) for healthy in (-5.0, 0.0, 9.99, 10.0, 20.0, 1e12)] == [
        2,
        2,
        2,
        1,
        0,
        0,
    ]
