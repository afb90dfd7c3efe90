"""Two days of hourly looks: who reads p-values cries wolf, the schedule does not, and a shift is told of.

Whole months, and how many: `make calibration`.
"""

import numpy as np
import pytest

from tests.drift.proofs import months
from tests.drift.proofs.months import Month, World, month


@pytest.fixture(scope="module")
def days() -> Month:
    """Two days of one epoch of a month, with a shift of one feature on the second."""
    with pytest.MonkeyPatch.context() as shorter:
        shorter.setattr(months, "SEEN", 48)
        return month(np.random.default_rng(5), World(shift=0.5, since=24))


def test_the_schedule_tells_the_shift_and_nothing_else(days: Month) -> None:
    assert 24 <= days.evidence[0] < 48
    assert (days.evidence[1:] == -1).all()


def test_whoever_reads_p_values_would_have_told_of_most_features(days: Month) -> None:
    assert (days.naive[1:] >= 0).sum() > 12
