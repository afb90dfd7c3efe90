"""How right answers were, by time: a function of the set of truths, not of their order; bounded; exact."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from services.state import ids, keys, metric_keys, qualities
from services.state.buckets import HOUR, MINUTE, Bucket, buckets_of
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.magnitudes import BITS
from services.state.qualities import (
    ABSOLUTE,
    LOSS,
    LOST_LABELS,
    LOST_SUMS,
    NUMBERS,
    SCORED,
    SQUARED,
    Counted,
    Judged,
    Place,
    QualityStore,
)

NOW = 1_750_000_000.0
ROUTER = "018bcfe5-69f4-7000-8591-b7582265b1f5"
PARTITION = ids.partition_for(ROUTER)
LABELS = ("yes", "no", "ἴσως")


def prediction(at: float, seed: int = 1) -> str:
    return ids.new_prediction_id(PARTITION, at, random.Random(seed))


def judged(id_: str, observed: int = 1, feedback: str = "f", row: int = 0, **how: Any) -> Judged:
    given = {"labels": None, "log_loss": None, "error": None, "places": [Place("a", "")]} | how
    return Judged(ROUTER, id_, row, observed=observed, feedback_id=feedback, horizon=1e8, **given)


async def read(connections: Connections, *buckets: Bucket) -> dict[Bucket, Counted]:
    return await QualityStore(connections.steady).read(ROUTER, buckets)


def wanted(those: Sequence[Judged], seconds: int) -> dict[tuple[Bucket, Place], Counter[str]]:
    """From nothing but the set: the greatest (observed, feedback id) of each row."""
    won: dict[tuple[str, int], Judged] = {}
    for one in sorted(those, key=lambda one: (one.observed, one.feedback_id)):
        won[one.prediction_id, one.row] = one
    found: dict[tuple[Bucket, Place], Counter[str]] = {}
    for one in won.values():
        bucket = Bucket(seconds, int(ids.time_of(one.prediction_id) // seconds) * seconds)
        for place in one.places:
            counts = found.setdefault((bucket, place), Counter())
            told = iter(one.measures)
            for name in told:
                counts[name] += int(next(told))
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_with_repeats_and_corrections_leaves_the_same_sums(
    connections: Connections, seed: int
) -> None:
    rng = random.Random(seed)
    those = [prediction(NOW - rng.uniform(0, 4000), number) for number in range(20)]
    told = []
    for number in range(80):
        at = rng.randrange(len(those))
        place = Place(f"v{at % 3}", "", "")
        about: dict[str, Any] = {"places": [place, place._replace(segment=f"tier={at % 2}")]}
        if at % 2:
            about |= {"labels": (rng.choice(LABELS), rng.choice(LABELS)), "log_loss": rng.expovariate(1)}
        else:
            about["error"] = 10 ** rng.uniform(-9, 9)
        told.append(judged(those[at], rng.randrange(5), f"f{number:03}", rng.randrange(2), **about))
    shuffled = [*told, *rng.sample(told, 40)]
    rng.shuffle(shuffled)
    store = QualityStore(connections.steady)
    for begin in range(0, len(shuffled), 7):
        await store.count(shuffled[begin : begin + 7], NOW)
    for seconds in (MINUTE, HOUR):
        expected = wanted(told, seconds)
        found = await read(connections, *{bucket for bucket, _ in expected})
        there = {
            (bucket, place): {name: number for name, number in sums.counts.items() if number}
            for bucket, counted in found.items()
            for place, sums in counted.sums.items()
        }
        assert {key: value for key, value in there.items() if value} == expected


async def test_means_are_those_of_the_numbers_at_any_scale(connections: Connections) -> None:
    rng = random.Random(8)
    errors = [10 ** rng.uniform(-6, 6) for _ in range(300)]
    losses = [rng.expovariate(2) for _ in range(300)]
    those = [
        judged(prediction(NOW - 60, number), error=error, log_loss=loss, labels=("yes", "yes"))
        for number, (error, loss) in enumerate(zip(errors, losses, strict=True))
    ]
    await QualityStore(connections.steady).count(those, NOW)
    for bucket in buckets_of(NOW - 60, NOW):
        (sums,) = (await read(connections, bucket))[bucket].sums.values()
        assert sums.mean(ABSOLUTE, NUMBERS) == pytest.approx(math.fsum(errors) / 300, rel=2.0**-BITS)
        squares = math.fsum(error * error for error in errors)
        assert sums.mean(SQUARED, NUMBERS) == pytest.approx(squares / 300, rel=2.0**-BITS)
        assert sums.mean(LOSS, SCORED) == pytest.approx(math.fsum(losses) / 300, rel=2.0**-BITS)
        assert sums.confusion.quality() == (1.0, 1.0, 1.0)


async def test_ends_of_what_a_float_can_say(connections: Connections) -> None:
    ends = (0.0, 5e-324, 1e308, math.inf)
    those = [judged(prediction(NOW - 60, seed), error=error) for seed, error in enumerate(ends)]
    await QualityStore(connections.steady).count(those, NOW)
    bucket = buckets_of(NOW - 60, NOW)[0]
    (sums,) = (await read(connections, bucket))[bucket].sums.values()
    assert sums.counts[NUMBERS] == 4
    assert sums.mean(ABSOLUTE, NUMBERS) == pytest.approx(2.0**499)
    assert sums.mean(SQUARED, NUMBERS) == pytest.approx(2.0**999)


async def test_labels_without_end_are_refused_before_sums_and_segments_before_all(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qualities, "MOST_FIELDS", 40)
    store, bucket = QualityStore(connections.steady), buckets_of(NOW - 60, NOW)[0]
    places = [Place("a", ""), Place("a", "", "tier=gold")]
    those = [
        judged(prediction(NOW - 60, seed), labels=(f"l{seed}", f"l{seed}"), places=places)
        for seed in range(60)
    ]
    await store.count(those, NOW)
    found = (await read(connections, bucket))[bucket]
    assert found.lost == {LOST_LABELS}
    assert len(found.sums[places[0]].counts) > len(found.sums[places[1]].counts) > 0
    # A correction of what found no room takes nothing back that was not counted.
    before = {place: sums.counts.total() for place, sums in found.sums.items()}
    again = [replaced._replace(observed=2, labels=None, error=1.0) for replaced in those[-3:]]
    await store.count(again, NOW)
    found = (await read(connections, bucket))[bucket]
    assert found.lost == {LOST_LABELS}
    assert found.sums[places[0]].counts[NUMBERS] == 3
    assert {place: sums.confusion.hits.total() for place, sums in found.sums.items()} == before
    wide = [judged(prediction(NOW - 60, 100 + p), error=2.0 ** (40 * p), row=p) for p in range(12)]
    await store.count(wide, NOW)
    found = (await read(connections, bucket))[bucket]
    assert found.lost == {LOST_LABELS, LOST_SUMS}
    assert await connections.steady.hlen(metric_keys.qualities(PARTITION, ROUTER, bucket.name)) <= 43


async def test_past_the_horizon_nothing_counts_and_what_counts_expires(connections: Connections) -> None:
    store, one = QualityStore(connections.steady), judged(prediction(NOW - 60), error=1.0)
    await store.count([one._replace(horizon=59.0)], NOW)
    assert await read(connections, *buckets_of(NOW - 60, NOW)) == {}
    await store.count([one], NOW)
    redis: Any = connections.steady
    for bucket in buckets_of(NOW - 60, NOW):
        assert 0 < await redis.ttl(metric_keys.qualities(PARTITION, ROUTER, bucket.name)) <= bucket.expiry
    assert await redis.ttl(keys.reports_applied(PARTITION, ids.minute_of(one.prediction_id))) > 0


async def test_a_newer_format_is_refused_whole(connections: Connections) -> None:
    store, one = QualityStore(connections.steady), judged(prediction(NOW - 60), error=1.0)
    bucket = buckets_of(NOW - 60, NOW)[1]
    redis: Any = connections.steady
    await redis.hset(metric_keys.qualities(PARTITION, ROUTER, bucket.name), "format", 9)
    with pytest.raises(NewerFormat):
        await store.count([one], NOW)
    with pytest.raises(NewerFormat):
        await store.read(ROUTER, [bucket])
    assert not await redis.exists(keys.reports_applied(PARTITION, ids.minute_of(one.prediction_id)))
