"""Numbers of single precision, as they were meant.

What is 0.7 in a file comes as 0.699999988… from a client that sends 32 bits, and a value that has a cell of
its own would not be found there. So a number that single precision can hold is counted as the double of its
seven digits, 0.7, wherever it comes from, if that is the same number of single precision: values that differ
still do then, and stay in their order. Whole numbers, and those that take more digits, are counted as they
are, and so are doubles: one in 2^29 is a number of single precision by chance, and moves by less than one
part in ten million.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

DIGITS = 7
# What the fraction of a double has and that of single precision has not.
_BEYOND = (1 << 29) - 1
# Powers of ten that a double holds exactly: the quotient of two exact numbers is the double that is nearest.
_TENS = 10.0 ** np.arange(23)


def as_meant(values: Values) -> Values:
    """The values, [n]: those of single precision as the decimals that they were made of, others as they are.

    >>> as_meant(np.array([np.float32(0.7), 0.7, 3.0, 1 / 3])).tolist() == [0.7, 0.7, 3.0, 1 / 3]
    True
    """
    own = values.view(np.int64) & _BEYOND == 0
    if not own.any():
        return values
    found = values[own]
    whole = np.rint(found)
    # NaN is neither.
    own[own] = (found < whole) | (found > whole)
    if not own.any():
        return values
    found = values[own]
    single = found.astype(np.float32)
    places = DIGITS - 1 - np.floor(np.log10(np.abs(found))).astype(np.intp)
    # Smaller ones are nobody's decimals, and greater ones are whole.
    tens = _TENS[np.clip(places, 0, len(_TENS) - 1)]
    decimals = np.rint(found * tens) / tens
    same = (decimals.astype(np.float32) == single) & (single == found)
    meant = values.copy()
    meant[own] = np.where(same, decimals, found)
    return meant
