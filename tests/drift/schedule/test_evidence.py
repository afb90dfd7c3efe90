"""What the looks of an epoch prove: little by chance however often one looks, much of what is there."""

import numpy as np
import pytest

from services.drift.schedule.evidence import RATE, Evidence, continued, weigh
from tests.drift.schedule import months


def test_the_months_that_are_measured_are_reckoned_as_the_service_reckons() -> None:
    """`months` does many at once what `Evidence` does look by look."""
    p, sums = months.month(np.random.default_rng(3), 300, 0.3, looks=48)
    held = None
    for look, row in enumerate(p):
        held = continued(held, look, "same", months.LOOKS)
        tests = {str(one): weigh({"shift": float(value), "missing": 1.0}) for one, value in enumerate(row)}
        held = held.seen(tests, months.LOOKS)
        assert list(held.sums.values()) == pytest.approx(list(sums[look]))
        fallen = np.flatnonzero(months.established(sums)[look])
        assert held.established() == {str(one) for one in fallen}
    assert held is not None
    assert held.established() == {"0"}


def test_an_hourly_month_of_nothing_establishes_nothing() -> None:
    """At most 5 % of months by proof. Of 40, more than seven has a chance of 0.2 % even at 5 %. Looking at
    each look alone cries wolf in every one of them."""
    told = months.nothing(40, 20261101)
    assert told["false_alarms"] <= 7
    assert told["by_each_look_alone"] == 40


@pytest.mark.parametrize(
    ("rows", "shift", "hours", "least"), [(100, 0.5, 24, 0.9), (300, 0.3, 24, 0.9), (1_000, 0.2, 6, 0.9),
                                          (1_000, 0.3, 1, 0.95), (10_000, 0.1, 6, 0.95)],
)  # fmt: skip
def test_a_planted_shift_is_established_within_hours(
    rows: int, shift: float, hours: int, least: float
) -> None:
    """The power that is told in the docs: 400 runs measured at least 97 % for each, and 60 runs fall so far
    below once in ten thousand times."""
    told = months.power(rows, shift, 60, 11)
    assert told["established_within_hours"][str(hours)] >= least


def test_evidence_never_falls_and_silence_adds_none() -> None:
    held = Evidence(0, "t").seen({"age": 40.0}, 10).seen({"age": weigh({"shift": None})}, 10)
    assert held.sums == {"age": pytest.approx(4.0)}
    assert held.seen({"age": 0.5}, 10).sums["age"] > held.sums["age"]


def test_an_epoch_ends_after_its_looks_and_with_its_terms() -> None:
    held = Evidence(100, "t", {"age": 1e6})
    assert continued(held, 819, "t", 720) is held
    assert continued(held, 820, "t", 720) == Evidence(820, "t")
    assert continued(held, 101, "another baseline", 720) == Evidence(101, "another baseline")
    assert continued(None, 3, "t", 720) == Evidence(3, "t")


def test_one_feature_among_many_needs_so_much_more() -> None:
    """e-BH: m / q for one of m."""
    sums = {str(one): 0.0 for one in range(24)}
    assert Evidence(0, "t", sums | {"age": 25 / RATE}).established() == {"age"}
    assert Evidence(0, "t", sums | {"age": 25 / RATE * 0.999}).established() == frozenset()
