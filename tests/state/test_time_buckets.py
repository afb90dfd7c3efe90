"""Buckets of time: every moment of a window once, and as fine as what is still kept."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.state.buckets import HOUR, MINUTE, READ_SECONDS, Bucket, buckets_of, cover, touching

NOW = 1_760_000_123.5
DAY = 24 * HOUR


@given(st.floats(60, 30 * DAY), st.floats(0, 7200))
def test_a_window_is_covered_without_gap_or_overlap(window: float, later: float) -> None:
    now = NOW + later
    found = cover(now - window, now, now, fine=False)
    for one, following in pairwise(found):
        assert one.start + one.seconds == following.start
    assert found[0].start <= now - window < found[0].start + found[0].seconds
    assert found[-1].start < now <= found[-1].start + found[-1].seconds


@given(st.floats(60, 30 * DAY))
def test_what_is_read_is_still_kept(window: float) -> None:
    for bucket in cover(NOW - window, NOW, NOW, fine=False):
        assert bucket.expiry > NOW
        assert bucket in buckets_of(bucket.start, NOW)


def test_a_month_is_read_in_hours() -> None:
    found = cover(NOW - 30 * DAY, NOW, NOW, fine=False)
    assert {bucket.seconds for bucket in found} == {HOUR}
    assert len(found) == 721


def test_minutes_throughout_where_they_are_wanted() -> None:
    assert {bucket.seconds for bucket in cover(NOW - DAY, NOW, NOW, fine=True)} == {MINUTE}


@pytest.mark.parametrize("age", [0.0, 3 * DAY, 31 * DAY])
def test_a_prediction_is_in_the_buckets_that_are_kept(age: float) -> None:
    found = {bucket.seconds for bucket in buckets_of(NOW - age, NOW)}
    assert found == {seconds for seconds, kept in READ_SECONDS.items() if age < kept + 2 * HOUR}


def test_a_bucket_of_the_future_is_kept_no_longer_than_others() -> None:
    (minute, hour) = buckets_of(NOW + 1000 * DAY, NOW)
    assert minute.lifetime(NOW) <= READ_SECONDS[MINUTE] + 3 * HOUR
    assert hour.lifetime(NOW) <= READ_SECONDS[HOUR] + 3 * HOUR


def test_a_loss_touches_minutes_and_hours_and_never_without_bound() -> None:
    found = set(touching(NOW - 90, NOW - 30, NOW))
    assert Bucket(MINUTE, int((NOW - 90) // 60) * 60) in found
    assert {bucket.seconds for bucket in found} == {MINUTE, HOUR}
    assert len(list(touching(0, NOW + 1000 * DAY, NOW))) < 4000
    assert len(list(touching(NOW + DAY, NOW + 2 * DAY, NOW))) == 2


def test_a_bucket_is_known_by_its_name() -> None:
    assert Bucket.named(Bucket(MINUTE, 120).name) == Bucket(MINUTE, 120)
