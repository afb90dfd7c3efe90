"""The KS bracket is honest: it holds the exact distance, and its p never claims more than the exact test."""

import numpy as np
import pytest
from scipy.stats import kstwo

from services.drift.cells import freeze
from services.drift.statistics import ks
from services.drift.statistics.ks import MANY_ROWS


@pytest.mark.parametrize("seed", range(20))
def test_the_bracket_holds_the_exact_distance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=rng.integers(200, 5_000))
    current = rng.choice([rng.normal(rng.normal(0, 0.3), 1, 700), np.round(rng.normal(size=700), 1)])
    grid = freeze(reference)
    bracket = ks.measure(
        grid.present(grid.count(reference)), grid.present(grid.count(current)), grid.singletons
    )
    found = ks.exact(reference, current)
    assert bracket is not None
    assert found is not None
    assert bracket.lower - 1e-12 <= found.value <= bracket.upper + 1e-12
    # scipy is exact at this size, so its asymptotic form is the one to compare with.
    asymptotic = kstwo.sf(found.value, round(len(reference) * 700 / (len(reference) + 700)))
    assert bracket.p_value >= asymptotic * (1 - 1e-9)


def test_few_values_leave_no_uncertainty() -> None:
    values = np.random.default_rng(1).integers(0, 100, 5_000).astype(float)
    grid = freeze(values)
    bracket = ks.measure(
        grid.present(grid.count(values)), grid.present(grid.count(values[:900] + 1)), grid.singletons
    )
    assert bracket is not None
    assert bracket.lower == bracket.upper


@pytest.mark.parametrize("rows", [2 * MANY_ROWS + 2, 20_000, 200_000])
@pytest.mark.parametrize("scaled", [0.5, 0.9, 1.36, 2.0])
def test_many_rows_give_a_p_that_is_never_smaller_than_kstwo(rows: int, scaled: float) -> None:
    effective = rows // 2
    moved = round(scaled / np.sqrt(effective) * rows)
    reference, current = np.array([moved, rows - moved, 0]), np.array([0, rows - moved, moved])
    bracket = ks.measure(reference, current)
    expected = float(kstwo.sf(moved / rows, effective))
    assert bracket is not None
    assert expected <= bracket.p_value <= expected * 1.06


def test_nothing_finite_measures_nothing() -> None:
    assert ks.exact([np.nan], [1.0]) is None


@pytest.mark.parametrize("rows", [1, 7, 60, 1_000])
def test_few_rows_give_a_p_that_is_kstwos_or_a_hair_more(rows: int) -> None:
    for scaled in (0.7, 1.1, 1.36, 1.9, 2.5):
        gap = min(scaled / np.sqrt(rows), 1.0)
        expected, found = float(kstwo.sf(gap, rows)), 2 * ks.one_sided(gap, rows)
        assert min(found, 1) >= expected * (1 - 1e-9)
        if expected < 0.3:
            assert found <= expected * 1.004 + 1e-15
