"""Codes and places of numbers: near the number, in its order, and sums that no order changes."""

import math
import random

import numpy as np
import pytest

from services.state.claims import UNITS
from services.state.magnitudes import (
    APART,
    BITS,
    GREATEST,
    LEAST_POWER,
    MOST_CODE,
    POWERS,
    STEPS,
    code_of,
    placed,
    summed,
    values_of,
)


def drawn(seed: int, count: int, decades: float = 17) -> list[float]:
    rng = random.Random(seed)
    return [10 ** rng.uniform(-decades, decades) for _ in range(count)]


def test_a_code_is_near_its_number_and_fits_where_a_reward_does() -> None:
    values = sorted(drawn(1, 5000))
    codes = [code_of(value) for value in values]
    assert codes == sorted(codes)
    assert values_of(np.array(codes)) == pytest.approx(values, rel=1 / (2 * STEPS))
    assert MOST_CODE <= UNITS
    powers = [2.0**power for power in range(LEAST_POWER - 1, LEAST_POWER + POWERS - 1)]
    assert values_of(np.array([code_of(one) for one in powers])).tolist() == powers


@pytest.mark.parametrize(("value", "kept"), [(0.0, 0.0), (1e-30, 0.0), (5e-324, 0.0), (math.inf, 2.0**61)])
def test_what_is_too_small_counts_nothing_and_what_is_too_great_as_the_greatest(
    value: float, kept: float
) -> None:
    assert values_of(np.array([code_of(value)]))[0] == pytest.approx(kept, rel=1 / (2 * STEPS))


@pytest.mark.parametrize("seed", range(5))
def test_sums_are_those_of_the_numbers_in_whatever_order(seed: int) -> None:
    values = drawn(seed, 2000, decades=80)
    found = []
    for _ in range(2):
        random.Random(seed).shuffle(values)
        sums: dict[int, int] = {}
        for value in values:
            whole, place = placed(value)
            assert 0 <= whole < 1 << (BITS + APART)
            assert place % APART == 0
            sums[place] = sums.get(place, 0) + whole
        found.append(summed(sums))
    assert found[0] == found[1] == pytest.approx(math.fsum(values), rel=2.0**-BITS)


def test_the_ends_of_floats_are_no_errors() -> None:
    assert summed({}) == 0
    assert placed(0.0)[0] == 0
    whole, place = placed(5e-324)
    assert summed({place: whole}) == 5e-324
    whole, place = placed(math.inf)
    assert summed({place: whole}) == GREATEST * GREATEST
