import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feedback.measure import UNITS, Measure, OutsideRange


@given(share=st.integers(0, UNITS), low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6))
def test_a_value_comes_back_to_a_millionth_of_the_range(share: int, low: float, width: float) -> None:
    measure = Measure("m", low, low + width)
    value = min(max(measure.value(share), measure.low), measure.high)
    assert abs(measure.units(value) - share) <= 1


@pytest.mark.parametrize("value", [-0.001, 1.001, math.nan, math.inf, -math.inf])
def test_what_the_metric_cannot_be_is_refused_with_its_range(value: float) -> None:
    with pytest.raises(OutsideRange, match="accuracy is within 0 and 1"):
        Measure("accuracy").units(value)


def test_what_lies_just_outside_is_shown_to_do_so() -> None:
    with pytest.raises(OutsideRange, match=r"within 0 and 1; got 1\.0000001$"):
        Measure("accuracy").units(1.0000001)


def test_the_worst_is_the_end_nobody_wants() -> None:
    assert Measure("accuracy").worst == 0.0
    assert Measure("cost", 0, 40, minimize=True).worst == 40.0


def test_merit_grows_with_what_is_wanted() -> None:
    cost = Measure("cost", 0, 40, minimize=True)
    assert cost.merit(cost.units(10)) == pytest.approx(0.75)
    assert Measure("accuracy").merit(750_000) == pytest.approx(0.75)


def test_another_range_is_another_measure() -> None:
    assert Measure("revenue", 0, 100).key != Measure("revenue", 0, 200).key
