"""Whatever a baseline and a window hold: no exception, no number that is none, and no `ok` without a reason.

A hundred thousand cases: `make fuzz-drift`.
"""

import sys
import warnings

import numpy as np
import pytest

from tests.drift.proofs.fuzz import Case, complaints, event_of, run


def test_strange_columns_are_told_soundly() -> None:
    ends, wrong = run(seed=7, count=200)
    assert wrong == []
    assert ends["right"] == 200


GREATEST = sys.float_info.max
WRONG_ONCE = {
    "the least number there is, whose lower neighbour is minus infinity": [-GREATEST, 0.0, 1.0],
    "a range that has no double": [-GREATEST, GREATEST, *map(float, range(300))],
    "a range of more quartiles than a double can say": [
        1e300,
        -1e300,
        *(index * 1e-300 for index in range(40)),
    ],
}


@pytest.mark.parametrize("values", WRONG_ONCE.values(), ids=WRONG_ONCE)
def test_what_was_wrong_once(values: list[float]) -> None:
    case = Case({"x": values * 2}, {}, [event_of(np.random.default_rng(1), {"x": value}) for value in values])
    with warnings.catch_warnings(action="error"):
        assert list(complaints(case)) == []
