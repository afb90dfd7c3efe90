"""What is no time is refused by the name of its field."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.state.moments import END, LONGEST, BadTimestamp, moment, span

NO_TIMES = [(2**62, 0), (-1, 0), (END, 0), (-(2**63), 0), (5, -1), (5, 10**9), (5, 2**31 - 1)]
NO_SPANS = [(2**62, 0), (LONGEST + 1, 0), (-LONGEST - 1, 0), (1, -1), (-1, 1), (0, 2**31 - 1), (0, -(10**9))]


@pytest.mark.parametrize(("seconds", "nanos"), NO_TIMES)
def test_a_time_of_no_calendar_is_refused(seconds: int, nanos: int) -> None:
    with pytest.raises(BadTimestamp) as refused:
        moment(Timestamp(seconds=seconds, nanos=nanos), "observed_at")
    assert [each.field for each in refused.value.fields] == ["observed_at"]
    assert str(seconds) in refused.value.message


@pytest.mark.parametrize(("seconds", "nanos"), NO_SPANS)
def test_a_span_that_protobuf_does_not_allow_is_refused(seconds: int, nanos: int) -> None:
    with pytest.raises(BadTimestamp) as refused:
        span(Duration(seconds=seconds, nanos=nanos), "log.retention")
    assert [each.field for each in refused.value.fields] == ["log.retention"]


def test_the_ends_of_both_ranges_are_inside() -> None:
    assert moment(Timestamp(), "t") == 0
    assert moment(Timestamp(seconds=END - 1, nanos=999_999_999), "t") == pytest.approx(END)
    assert span(Duration(seconds=LONGEST), "d") == LONGEST
    assert span(Duration(seconds=-LONGEST), "d") == -LONGEST
    assert span(Duration(nanos=-5 * 10**8), "d") == -0.5
