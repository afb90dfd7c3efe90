"""One wild value, one NaN, one category that nobody knows, of ten thousand: no verdict changes.

More of them: `make fuzz-drift`.
"""

import numpy as np
import pytest

from tests.drift.proofs.outliers import changed, columns, decided


@pytest.mark.parametrize("seed", range(2))
def test_one_value_of_ten_thousand_changes_no_verdict(seed: int) -> None:
    assert list(changed(seed)) == []


def test_what_is_not_changed_is_not_the_same_for_all() -> None:
    """Decisions that could not differ would pass."""
    rng = np.random.default_rng(1)
    before = columns(rng, 0.0)
    still, moved = (decided(before, columns(rng, shift)) for shift in (0.0, 1.0))
    assert set(still.values()) & set(moved.values()) == set()
    assert (still["all"], moved["all"]) == ("OK", "ALERT")
