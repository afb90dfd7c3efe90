"""What GetMetrics may be asked: both sides of each limit, and clear words for the rest."""

from itertools import pairwise
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.errors import InvalidArgument, TurnoutError
from services.router.reporting.query import POLICY, SEGMENT, TIME, VARIANT, query_of
from services.state.buckets import HOUR, MINUTE

NOW = 1_760_000_123.5
DAY = 24 * HOUR


def request(window: float | None = None, step: float | None = None, *groups: Any) -> rpc.GetMetricsRequest:
    made = rpc.GetMetricsRequest(name="churn", group_by=groups)
    for field, seconds in (("window", window), ("step", step)):
        if seconds is not None:
            getattr(made, field).CopyFrom(span(seconds))
    return made


def span(seconds: float) -> Duration:
    made = Duration()
    made.FromNanoseconds(int(seconds * 1e9))
    return made


def refused(**how: Any) -> TurnoutError:
    groups = how.pop("groups", ())
    with pytest.raises(InvalidArgument) as caught:
        query_of(request(how.get("window"), how.get("step"), *groups), NOW)
    return caught.value


def test_without_words_it_is_the_last_hour_by_variant() -> None:
    query = query_of(request(), NOW)
    assert query.groups == {VARIANT}
    assert (query.step, query.end) == (0, NOW)
    assert NOW - 3660 < query.start <= NOW - 3600


def test_the_unset_group_is_the_variant() -> None:
    assert query_of(request(None, None, rpc.METRIC_GROUP_UNSPECIFIED, POLICY), NOW).groups == {
        VARIANT,
        POLICY,
    }


@pytest.mark.parametrize("window", [60.0, 30.0 * DAY])
def test_windows_of_a_minute_and_of_thirty_days_are_answered(window: float) -> None:
    assert query_of(request(window), NOW).buckets


@pytest.mark.parametrize("window", [59.9, 30 * DAY + 1, 0.0, -5.0])
def test_other_windows_are_refused_by_name(window: float) -> None:
    error = refused(window=window)
    assert error.fields[0].field == "window"
    assert f"{window:g} s" in error.message


def test_rows_may_be_told_apart_by_segments_too() -> None:
    assert query_of(request(None, None, SEGMENT, VARIANT), NOW).groups == {SEGMENT, VARIANT}
    assert query_of(request(None, None, SEGMENT), NOW).groups == {SEGMENT}


def test_an_unknown_group_is_refused() -> None:
    error = refused(groups=[77])
    assert error.fields[0].field == "group_by"
    assert "METRIC_GROUP_TIME" in error.message


@pytest.mark.parametrize(
    ("window", "step"), [(600.0, 60.0), (2 * DAY, 3600.0), (25 * HOUR, 60.0), (30 * DAY, 3600.0)]
)
def test_steps_that_buckets_can_tell_apart(window: float, step: float) -> None:
    query = query_of(request(window, step, TIME), NOW)
    assert query.step == step
    lengths = {bucket.seconds for bucket in query.buckets}
    assert max(lengths) <= step


@pytest.mark.parametrize(
    ("window", "step", "why"),
    [
        (600.0, 59.0, "whole multiples of 60 s"),
        (600.0, 90.0, "whole multiples of 60 s"),
        (600.0, 0.0, "whole multiples of 60 s"),
        (3 * DAY, 1800.0, "whole multiples of 3600 s"),
        (2 * DAY, 60.0, "at most 1500 parts"),
    ],
)
def test_other_steps_are_refused_with_what_would_be_right(window: float, step: float, why: str) -> None:
    error = refused(window=window, step=step, groups=[TIME])
    assert error.fields[0].field == "step"
    assert why in error.message


def test_a_step_without_time_is_no_silent_wish() -> None:
    assert refused(step=60.0).fields[0].field == "step"


@pytest.mark.parametrize(
    ("window", "step"), [(600.0, MINUTE), (3600.0, MINUTE), (4 * HOUR, 5 * MINUTE), (30 * DAY, 6 * HOUR)]
)
def test_without_a_step_a_curve_has_a_sensible_number_of_points(window: float, step: int) -> None:
    assert query_of(request(window, None, TIME), NOW).step == step


def test_parts_tile_the_window() -> None:
    query = query_of(request(4 * HOUR, 1800.0, TIME), NOW)
    spans = [query.span(part) for part in sorted({query.part(bucket) for bucket in query.buckets})]
    assert spans[0][0] == query.start
    assert spans[-1][1] == NOW
    for one, following in pairwise(spans):
        assert one[1] == following[0]
