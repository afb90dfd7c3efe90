"""Ids: unique, ordered by time as texts, and each leads to its partition."""

import random
import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.state import ids
from services.state.errors import BadPredictionId

MOMENTS = st.floats(min_value=0, max_value=8e9, allow_nan=False)
PLACES = st.integers(min_value=0, max_value=ids.PARTITIONS - 1)
SEEDS = st.integers(min_value=0, max_value=2**32)


@given(PLACES, MOMENTS, SEEDS)
def test_an_id_is_a_uuid_that_tells_its_time_and_place(partition: int, now: float, seed: int) -> None:
    name = ids.new_prediction_id(partition, now, random.Random(seed))
    parsed = uuid.UUID(name)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, name)
    assert ids.partition_of(name) == partition
    assert ids.time_of(name) == pytest.approx(now, abs=1e-6)
    assert ids.minute_of(name) == ids.minute_at(name) == int(ids.time_of(name) // 60)


@given(MOMENTS, st.floats(min_value=1e-3, max_value=1e6), SEEDS)
def test_texts_order_as_times_do(now: float, later: float, seed: int) -> None:
    rng = random.Random(seed)
    first, second = (ids.new_prediction_id(rng.getrandbits(6), moment, rng) for moment in (now, now + later))
    assert first < second
    assert ids.first_id_at(now) <= first < ids.first_id_at(now + later) <= second


def test_orders_within_a_millisecond() -> None:
    """A window of the N latest needs more than the RFC's milliseconds."""
    rng = random.Random(1)
    names = [ids.new_prediction_id(63 - place, 1.7e9 + place * 1e-6, rng) for place in range(64)]
    assert names == sorted(names)


def test_does_not_repeat_itself() -> None:
    rng = random.Random(1)
    assert len({ids.new_prediction_id(1, 1.7e9, rng) for _ in range(10_000)}) == 10_000


def test_spreads_uids_over_all_partitions() -> None:
    rng = random.Random(1)
    found = Counter(ids.partition_for(ids.new_uid(1.7e9 + place, rng)) for place in range(6400))
    assert set(found) == set(range(ids.PARTITIONS))
    assert max(found.values()) < 150


def test_partitions_are_the_same_for_ever() -> None:
    """Every key of every deployment depends on these; they must never change."""
    assert [ids.partition_for(uid) for uid in ("a", "b", "018bcfe5-69f4-7000-91d8-f16a91b7584a")] == [
        3,
        57,
        22,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "018BCFE5-69F4-7000-8591-B7582265B1F5",
        "018bcfe5-69f4-4000-8591-b7582265b1f5",
        "018bcfe5-69f4-7000-c591-b7582265b1f5",
        "018bcfe5-69f4-7000-8591-b7582265b1f5\n",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("read", [ids.partition_of, ids.time_of, ids.minute_of])
def test_refuses_what_it_did_not_mint(read: object, text: str) -> None:
    with pytest.raises(BadPredictionId) as refused:
        read(text)  # type: ignore[operator]
    assert refused.value.fields[0].field == "prediction_id"
    assert len(refused.value.message) < 120
