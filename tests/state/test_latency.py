"""Latency cells: counts that add up, and quantiles that are true within 5 %."""

import random
from collections import Counter
from math import ceil

import pytest

from services.state.latency import BASE, FIRST_MS, LAST, cell_of, quantile


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_quantile_is_within_five_percent_of_the_observation_of_its_rank(seed: int, share: float) -> None:
    rng = random.Random(seed)
    observed = sorted(rng.lognormvariate(3, 1.5) for _ in range(rng.randrange(1, 2000)))
    exact = observed[ceil(share * len(observed)) - 1]
    found = quantile(Counter(cell_of(ms) for ms in observed), share)
    assert found is not None
    assert abs(found / exact - 1) < 0.05


def test_cells_are_ten_percent_wide_and_leave_no_gap() -> None:
    edges = [FIRST_MS * BASE**cell for cell in range(1, LAST)]
    assert [cell_of(edge * 1.0001) for edge in edges] == list(range(1, LAST))
    assert [cell_of(edge * 0.9999) for edge in edges] == list(range(LAST - 1))


def test_what_lies_beyond_the_ends_is_counted_there() -> None:
    assert [cell_of(ms) for ms in (-1.0, 0.0, 1e-9, 1e12)] == [0, 0, 0, LAST]


def test_without_counts_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None


def test_the_rank_of_a_share_is_not_lost_to_rounding() -> None:
    """0.95 · 20 is a little more than 19 in floating point."""
    cells = {cell_of(1.0): 19, cell_of(1000.0): 1}
    found = quantile(cells, 0.95)
    assert found is not None
    assert found < 2
