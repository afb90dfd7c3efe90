"""Buckets cover any window exactly once, with as few of them as can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.drift.buckets import MAX_AHEAD, RESOLUTIONS, Bucket, buckets_between, buckets_of, cover

NOW = 1_760_000_123.0
HOUR, DAY = 3600, 86_400


def test_a_row_is_counted_once_at_each_resolution() -> None:
    assert [bucket.resolution for bucket in buckets_of(NOW, NOW)] == ["minute", "hour", "day"]
    assert all(bucket.start <= NOW for bucket in buckets_of(NOW, NOW))


def test_a_late_row_is_counted_where_buckets_are_still_kept() -> None:
    assert [bucket.resolution for bucket in buckets_of(NOW - 5 * HOUR, NOW)] == ["hour", "day"]
    assert buckets_of(NOW - 91 * DAY, NOW) == ()


def test_a_row_of_the_far_future_is_counted_in_the_near_one() -> None:
    assert buckets_of(NOW + 10 * DAY, NOW) == buckets_of(NOW + MAX_AHEAD, NOW)


@pytest.mark.parametrize("span", [0, 59, 3_600, 86_400 * 3, 86_400 * 400])
def test_a_span_has_every_bucket_that_a_row_of_it_is_counted_in(span: int) -> None:
    first = NOW - 40 - span
    spanned = set(buckets_between(first, NOW - 40, NOW))
    assert spanned >= {
        bucket for step in range(1_000) for bucket in buckets_of(first + span * step / 999, NOW)
    }
    assert len(spanned) <= sum(1 + r.retention // r.seconds for r in RESOLUTIONS) + len(RESOLUTIONS)
    assert min(bucket.start for bucket in spanned) >= first - 86_400


def test_a_span_past_retention_has_no_buckets_and_one_far_ahead_the_last() -> None:
    assert list(buckets_between(NOW - 400 * DAY, NOW - 300 * DAY, NOW)) == []
    assert tuple(buckets_between(NOW + DAY, NOW + 900 * DAY, NOW)) == buckets_of(NOW + DAY, NOW)


def test_a_bucket_is_found_again_by_its_name() -> None:
    for bucket in buckets_of(NOW, NOW):
        assert Bucket.named(bucket.name.encode()) == bucket


def test_a_long_window_reads_few_buckets() -> None:
    window = cover(NOW - 80 * DAY, NOW, NOW)
    read = sum((end - start) // resolution.seconds for resolution, start, end in window.spans)
    assert read <= 80 + 24 + 60


def test_the_last_hour_is_told_apart_by_the_minute() -> None:
    window = cover(NOW - HOUR, NOW, NOW)
    assert NOW - HOUR - window.start < 60
    assert window.end - NOW < 60


@given(
    st.floats(0, 89 * DAY, allow_nan=False),
    st.floats(1, 89 * DAY, allow_nan=False),
    st.floats(0, 3 * DAY, allow_nan=False),
)
def test_a_window_is_covered_without_gap_or_overlap(age: float, length: float, offset: float) -> None:
    now = NOW + offset
    start = now - age
    end = min(start + length, now)
    if start >= end:
        return
    window = cover(start, end, now)
    assert window.start <= start
    assert end <= window.end
    edge = window.start
    for resolution, first, last in window.spans:
        assert first == edge
        assert first % resolution.seconds == 0
        assert last % resolution.seconds == 0
        # Whatever it reads must still be there.
        assert first + resolution.seconds > now - resolution.retention
        edge = last
    assert edge == window.end


@pytest.mark.parametrize("seed", range(3))
def test_every_row_of_a_window_is_in_exactly_one_bucket_that_is_read(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = cover(NOW - rng.uniform(0, 50 * DAY), NOW, NOW)
    read = {
        Bucket(resolution.name, start)
        for resolution, first, last in window.spans
        for start in range(first, last, resolution.seconds)
    }
    for time in rng.uniform(window.start, NOW, 200):
        assert len(read & set(buckets_of(time, NOW))) == 1
    assert {resolution.name for resolution, *_ in window.spans} <= {r.name for r in RESOLUTIONS}
