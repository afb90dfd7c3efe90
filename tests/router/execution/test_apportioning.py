"""Nobody's time is promised twice, and the last in the chain is never left without any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.execution.apportioning import seconds_for

SECONDS = st.floats(0.001, 100)


@given(SECONDS, SECONDS, st.lists(SECONDS, max_size=9))
def test_an_attempt_leaves_the_others_their_share(left: float, own: float, later: list[float]) -> None:
    given_ = seconds_for(left, own, later)
    assert 0 < given_ <= min(own, left)
    fair = left / (1 + len(later))
    # Either it took no more than an even share, or everybody behind it can have its whole timeout.
    assert given_ <= fair * (1 + 1e-9) or left - given_ >= sum(later) * (1 - 1e-9)


@given(SECONDS, st.lists(SECONDS, min_size=1, max_size=10))
def test_a_chain_of_models_that_hang_ends_within_the_callers_time(left: float, timeouts: list[float]) -> None:
    spent = 0.0
    for place, own in enumerate(timeouts):
        took = seconds_for(left - spent, own, timeouts[place + 1 :])
        assert took > 0
        spent += took
    assert spent <= left * (1 + 1e-9)


@pytest.mark.parametrize("left", [0.0, -0.5])
def test_no_time_is_no_time(left: float) -> None:
    assert seconds_for(left, 1.0, [1.0]) == left
