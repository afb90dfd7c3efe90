"""What the looks of an epoch prove: little by chance however often one looks, much of what is there."""

import numpy as np
import pytest
from scipy import stats

from services.drift.schedule.evidence import RATE, Evidence, continued, weigh

LOOKS, FEATURES, ROWS, BASELINE = 720, 25, 200, 5_000


def month(rng: np.random.Generator, shifts: np.ndarray) -> Evidence:
    """An hourly month of z-tests of 25 features against one finite baseline, which all looks share; `shifts`
    in standard deviations, [looks, features]."""
    base = rng.normal(0, BASELINE**-0.5, FEATURES)
    means = rng.normal(shifts, ROWS**-0.5)
    p = 2 * stats.norm.sf(np.abs(means - base) / (1 / ROWS + 1 / BASELINE) ** 0.5)
    held = None
    for look in range(len(shifts)):
        held = continued(held, look, "same", LOOKS)
        held = held.seen({str(one): weigh({"shift": p[look, one]}) for one in range(FEATURES)}, LOOKS)
    assert held is not None
    return held


def test_an_hourly_month_of_nothing_establishes_nothing() -> None:
    """At most 5 % of months by proof. Of six, more than two has a chance of 0.2 % even at 5 %."""
    rng = np.random.default_rng(20261101)
    nothing = np.zeros((LOOKS, FEATURES))
    false = sum(bool(month(rng, nothing).established()) for _ in range(6))
    assert false <= 2


@pytest.mark.parametrize(("shift", "hours"), [(0.5, 24), (1.0, 2)])
def test_a_planted_shift_is_established_within_hours(shift: float, hours: int) -> None:
    """The power, told in the docs: of one feature in 25, hourly looks at 200 rows."""
    rng = np.random.default_rng(7)
    found = 0
    for _ in range(20):
        shifts = np.zeros((hours, FEATURES))
        shifts[:, 0] = shift
        fallen = month(rng, shifts).established()
        found += "0" in fallen
    # At 95 % or more: fewer than 16 of 20 has a chance below 0.3 %.
    assert found >= 16


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
