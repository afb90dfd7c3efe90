"""Numbers of any size, none negative, as whole numbers that fit where a reward's value does, or that add up.

An error has no range that is known beforehand. In a window of rewards it is kept as one of a million codes, a
float of 13 bits, so that every learner of errors has the rules of all windows. In sums it is kept as whole
numbers at fixed binary places, 16 apart, so that they add up to the same in whatever order they come.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Codes per power of two: half a step is 1/16,384 of the value.
STEPS = 8192
# Powers that the codes reach from, and how many: below 4e-19 a number counts 0, beyond 2e18 as that.
LEAST_POWER, POWERS = -60, 122
MOST_CODE = STEPS * POWERS

# Bits of a number that sums keep; what it adds to a place is below 2**36, so 134 million of them fit 64 bits.
BITS, APART = 20, 16
# Beyond, a square would be no float.
GREATEST = 2.0**500


def code_of(value: float) -> int:
    """The code of a number, 0 to MOST_CODE; greater numbers have greater codes.

    >>> code_of(0.0), values_of(np.array([code_of(0.75)])).tolist()
    (0, [0.75])
    """
    share, power = math.frexp(min(value, GREATEST))
    code = (power - LEAST_POWER) * STEPS + round((2 * share - 1) * STEPS) + 1
    return 0 if value <= 0 or code < 1 else min(code, MOST_CODE)


def values_of(codes: NDArray[Any]) -> NDArray[np.float64]:
    """The numbers of codes."""
    powers, steps = np.divmod(codes.astype(np.int64) - 1, STEPS)
    values = np.ldexp(0.5 + steps / (2 * STEPS), powers + LEAST_POWER)
    return np.where(codes == 0, 0.0, values)


def placed(value: float) -> tuple[int, int]:
    """A number as (whole number, power of two it counts), within 2**-20 of it; the power is a multiple of
    APART.

    >>> placed(3.0) == (3 << 32, -32)
    True
    """
    share, power = math.frexp(min(value, GREATEST * GREATEST))
    whole, power = round(share * 2**BITS), power - BITS
    place = power // APART * APART
    return whole << (power - place), place


def summed(sums: Mapping[int, int]) -> float:
    """The sum of whole numbers by their power of two, exact but for the last rounding.

    >>> summed({0: 3, -16: 65536})
    4.0
    """
    least = min(sums, default=0)
    total = sum(whole << (place - least) for place, whole in sums.items())
    return total / (1 << -least) if least < 0 else float(total << least)
