"""A part of `make calibration`: under no drift each test errs as seldom as it says, at the corners too."""

import numpy as np
import pytest

from tests.drift.proofs.calibration import DOUBT
from tests.drift.proofs.families import FAMILIES, family_rates
from tests.drift.proofs.nulls import (
    LEVEL,
    below,
    category_nulls,
    missing_nulls,
    number_nulls,
    sizes,
)
from tests.drift.proofs.shifts import found_rates


@pytest.mark.parametrize("ratio", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("many", [2, 10, 1000])
def test_categories(many: int, ratio: float) -> None:
    rng = np.random.default_rng([many, int(ratio * 100)])
    for kind in ("even", "one over rank"):
        found = category_nulls(rng, kind, many, sizes(ratio, 50), 400)
        assert below([test.p_value for test in found]).at_least(DOUBT) <= LEVEL


def test_chi_square_of_filled_columns_is_not_conservative() -> None:
    found = category_nulls(np.random.default_rng(1), "even", 10, (2000, 1000), 2000)
    assert below([test.p_value for test in found]).at_most(DOUBT) >= 0.04


@pytest.mark.parametrize("kind", ["normal", "rounded", "few values"])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
def test_numbers(kind: str, ratio: float) -> None:
    """A reference smaller than its window, too: tested as homogeneous, one of 50 rows errs at 13 %."""
    found = number_nulls(np.random.default_rng([len(kind), int(ratio * 10)]), kind, sizes(ratio, 50), 200)
    for p_values in (
        [one.p_value for one in found],
        [one.ks.p_value if one.ks else None for one in found],
        [one.chi_square.p_value if one.chi_square else None for one in found],
    ):
        assert below(p_values).at_least(DOUBT) <= LEVEL


@pytest.mark.parametrize("rate", [0.001, 0.5])
def test_missing_values(rate: float) -> None:
    for ratio in (0.01, 1.0, 100.0):
        p_values = missing_nulls(np.random.default_rng(int(ratio * 100)), rate, sizes(ratio, 100), 1000)
        assert below([*p_values]).at_least(DOUBT) <= LEVEL


@pytest.mark.parametrize("name", FAMILIES)
def test_of_25_features_few_are_called_drifting_wrongly(name: str) -> None:
    rate, discovered = family_rates(name, 200, 30, 1)
    # Four standard errors of a mean of shares, each of which has a variance of at most LEVEL.
    assert discovered <= LEVEL + 4 * (LEVEL / 30) ** 0.5
    assert rate.hits < rate.runs


def test_a_planted_shift_is_found() -> None:
    """A test that never rejects would pass everything above."""
    assert found_rates("mean + 0.5 sd", 500, 10, 1)["significant"] == 1
    assert found_rates("mean + 0.1 sd", 500, 10, 1)["alert"] == 0
