"""A sample that is too large to be held freezes to the same cells as one that is not."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.drift.cells import Sample, freeze, freeze_sample, tally_sample, thinned
from services.drift.cells.grid import Values
from services.drift.cells.tally import Counts

RNG = np.random.default_rng(28)
SAMPLES = {
    "normal": RNG.normal(size=40_000),
    "lognormal with atoms": np.where(RNG.random(30_000) < 0.2, 0.0, RNG.lognormal(size=30_000)),
    "rounded": RNG.normal(size=30_000).round(2),
    "many atoms": RNG.integers(0, 400, 50_000) ** 2 / 7,
    "few values": RNG.integers(0, 5, 1_000).astype(float),
    "at the bound": np.arange(127.0),
    "one beyond the bound": np.arange(128.0),
    "a wild value": np.append(RNG.normal(size=20_000), 1e300),
    "a constant": np.full(10, 3.0),
    "neighbours": np.nextafter(np.repeat(np.arange(200.0), 3), np.tile([-np.inf, 0, np.inf], 200)),
}


def pieces(sample: Sample, size: int) -> Iterator[tuple[Values, Counts]]:
    for start in range(0, len(sample.values), size):
        yield sample.values[start : start + size], sample.masses[start : start + size]


def check(values: Values, size: int) -> None:
    whole = Sample.of(values)
    thin = thinned(pieces(whole, size), whole.rows)
    grid, known = freeze_sample(thin), freeze(values)
    np.testing.assert_array_equal(grid.edges, known.edges)
    np.testing.assert_array_equal(grid.bins, known.bins)
    assert grid.width == known.width
    assert tally_sample(grid, thin) == known.count(values)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("size", [7, 1_000, 100_000])
def test_a_thinned_sample_freezes_to_the_same_cells(name: str, size: int) -> None:
    check(SAMPLES[name], size)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=400),
    st.integers(1, 50),
    st.integers(1, 40),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_the_values_are(values: list[float], size: int, times: int) -> None:
    check(np.repeat(np.array(values), np.arange(len(values)) % times + 1), size)


def test_what_is_left_does_not_grow() -> None:
    values = RNG.normal(size=200_000)
    whole = Sample.of(values)
    assert len(thinned(pieces(whole, 10_000), whole.rows).values) < 4_000


def test_nothing_finite_is_nothing_to_freeze_at() -> None:
    with pytest.raises(ValueError, match="at least one finite value"):
        thinned([], 0)
