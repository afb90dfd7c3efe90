"""Rewards and labels by the time of the prediction: a function of the set of reports, not of their order."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from services.state import ids, metric_keys
from services.state.buckets import HOUR, MINUTE, Bucket, buckets_of
from services.state.claims import FINAL, UNITS, Applied, Claim, Learner, Report
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.outcomes import REWARD, Cell, Counted, OutcomeStore, Sum
from services.state.rewards import RewardStore

NOW = 1_750_000_000.0
HORIZON = 400 * 86_400.0
ROUTER = "018bcfe5-69f4-7000-8591-b7582265b1f5"
PARTITION = ids.partition_for(ROUTER)
LEARNER = Learner(PARTITION, ROUTER, "accuracy")


def claim(
    id_: str, units: int, observed: int = 1, feedback: str = "f", row: int = 0, variant: str = "a"
) -> Claim:
    report = Report(id_, row, variant, units, observed, feedback)
    counted = Counted(ROUTER, Cell(REWARD, "accuracy", variant=variant))
    return Claim(LEARNER, report, 100, HORIZON, counted=counted)


def prediction(at: float, seed: int = 1) -> str:
    return ids.new_prediction_id(PARTITION, at, random.Random(seed))


async def apply(connections: Connections, *claims: Claim, now: float = NOW) -> list[Applied]:
    return await RewardStore(connections.steady).apply(claims, now)


async def read(connections: Connections, *buckets: Bucket) -> dict[tuple[Bucket, str], Sum]:
    found = await OutcomeStore(connections.steady).read(ROUTER, buckets)
    return {(bucket, cell.variant): total for bucket, cells in found.items() for cell, total in cells.items()}


def expected(claims: Sequence[Claim], seconds: int) -> dict[tuple[Bucket, str], Sum]:
    """From nothing but the set of claims: the greatest (observed, feedback id) of each prediction and row."""
    won: dict[tuple[str, int], Report] = {}
    for report in sorted((one.report for one in claims), key=lambda one: (one.observed, one.feedback_id)):
        won[report.prediction_id, report.row] = report
    n, total = Counter[tuple[Bucket, str]](), Counter[tuple[Bucket, str]]()
    for report in won.values():
        start = int(ids.time_of(report.prediction_id) // seconds) * seconds
        place = (Bucket(seconds, start), report.arm)
        n[place] += 1
        total[place] += report.units
    return {place: Sum(n[place], total[place]) for place in n}


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_with_repeats_leaves_the_same_sums(connections: Connections, seed: int) -> None:
    rng = random.Random(seed)
    those = [prediction(NOW - rng.uniform(0, 4000), number) for number in range(25)]
    claims = []
    for number in range(80):
        at = rng.randrange(len(those))
        row, observed = rng.randrange(2), rng.randrange(5)
        # A decision draws once, so the variant belongs to the prediction.
        arm = f"arm-{at % 3}"
        claims.append(claim(those[at], rng.randrange(UNITS + 1), observed, f"f{number:03}", row, arm))
    shuffled = [*claims, *rng.sample(claims, 40)]
    rng.shuffle(shuffled)
    for one in shuffled:
        await apply(connections, one)
    for seconds in (MINUTE, HOUR):
        wanted = expected(claims, seconds)
        assert await read(connections, *{bucket for bucket, _ in wanted}) == wanted


async def test_a_correction_takes_the_old_value_back(connections: Connections) -> None:
    one = prediction(NOW - 10)
    await apply(connections, claim(one, UNITS, 1, "first"))
    await apply(connections, claim(one, UNITS // 4, 2, "second"))
    await apply(connections, claim(one, 0, 1, "late, and older"))
    for bucket in buckets_of(NOW - 10, NOW):
        assert await read(connections, bucket) == {(bucket, "a"): Sum(1, UNITS // 4)}


async def test_what_is_final_is_not_corrected_there_either(connections: Connections) -> None:
    one = prediction(NOW - 10)
    await apply(connections, claim(one, 0, FINAL, "failed"))
    await apply(connections, claim(one, UNITS, 5, "reported"))
    (minute, _) = buckets_of(NOW - 10, NOW)
    assert await read(connections, minute) == {(minute, "a"): Sum(1, 0)}


async def test_past_the_horizon_nothing_counts(connections: Connections) -> None:
    one = claim(prediction(NOW - 10), UNITS)._replace(horizon=5.0)
    assert await apply(connections, one) == [Applied.EXPIRED]
    assert await read(connections, *buckets_of(NOW - 10, NOW)) == {}


async def test_feedback_after_two_days_counts_in_its_hour(connections: Connections) -> None:
    then = NOW - 3 * 86_400
    await apply(connections, claim(prediction(then), UNITS))
    (hour,) = buckets_of(then, NOW)
    assert await read(connections, hour) == {(hour, "a"): Sum(1, UNITS)}
    redis: Any = connections.steady
    left = await redis.ttl(metric_keys.outcomes(PARTITION, ROUTER, hour.name))
    assert 27 * 86_400 < left < 28 * 86_400


async def test_feedback_after_a_month_teaches_the_arm_alone(connections: Connections) -> None:
    then = NOW - 40 * 86_400
    assert await apply(connections, claim(prediction(then), UNITS)) == [Applied.ACCEPTED]
    assert not await connections.steady.keys("*:outcomes:*")


async def test_cells_of_a_bucket_are_bounded_and_a_correction_finds_its_place(
    connections: Connections,
) -> None:
    minute = buckets_of(NOW - 10, NOW)[0]
    key = metric_keys.outcomes(PARTITION, ROUTER, minute.name)
    crowd: dict[Any, Any] = {
        f"{field}:{Cell(REWARD, f'm{number}').field}": 0 for number in range(1000) for field in ("n", "sum")
    }
    await connections.steady.hset(key, mapping=crowd)
    one = prediction(NOW - 10)
    await apply(connections, claim(one, UNITS, 1, "first"))
    await apply(connections, claim(one, UNITS // 2, 2, "second"))
    found = await read(connections, minute)
    assert found[minute, "OTHER"] == Sum(1, UNITS // 2)
    assert (minute, "a") not in found


def in_segments(one: Claim, *segments: str) -> Claim:
    assert one.counted is not None
    return one._replace(counted=one.counted._replace(segments=segments))


async def by_segment(connections: Connections, bucket: Bucket) -> dict[tuple[str, str], Sum]:
    found = (await OutcomeStore(connections.steady).read(ROUTER, [bucket]))[bucket]
    return {(cell.segment, cell.variant): total for cell, total in found.items()}


async def test_segments_count_a_report_once_more_and_a_correction_changes_all(
    connections: Connections,
) -> None:
    one, two = prediction(NOW - 10), prediction(NOW - 10, 2)
    tier, region = "tier=gold", "region=eu"
    for units, observed, id_ in ((UNITS, 1, "first"), (UNITS // 4, 2, "second"), (UNITS // 4, 2, "second")):
        await apply(connections, in_segments(claim(one, units, observed, id_), tier, region))
    await apply(connections, in_segments(claim(two, UNITS), tier), claim(prediction(NOW - 10, 3), UNITS))
    for bucket in buckets_of(NOW - 10, NOW):
        assert await by_segment(connections, bucket) == {
            ("", "a"): Sum(3, 2 * UNITS + UNITS // 4),
            (tier, "a"): Sum(2, UNITS + UNITS // 4),
            (region, "a"): Sum(1, UNITS // 4),
        }


async def test_segments_leave_room_for_what_counts_each_report_once(connections: Connections) -> None:
    minute = buckets_of(NOW - 10, NOW)[0]
    key = metric_keys.outcomes(PARTITION, ROUTER, minute.name)
    crowd: dict[Any, Any] = {
        f"{field}:{Cell(REWARD, f'm{number}').field}": 0 for number in range(600) for field in ("n", "sum")
    }
    await connections.steady.hset(key, mapping=crowd)
    await apply(connections, in_segments(claim(prediction(NOW - 10), UNITS), "tier=gold"))
    found = await by_segment(connections, minute)
    assert found["", "a"] == Sum(1, UNITS)
    assert found["tier=OTHER", "OTHER"] == Sum(1, UNITS)
    assert ("tier=gold", "a") not in found


async def test_sums_of_a_newer_version_are_neither_read_nor_added_to(connections: Connections) -> None:
    minute = buckets_of(NOW - 10, NOW)[0]
    key = metric_keys.outcomes(PARTITION, ROUTER, minute.name)
    await connections.steady.hset(key, "format", 99)
    await connections.steady.expire(key, 60)
    with pytest.raises(NewerFormat):
        await apply(connections, claim(prediction(NOW - 10), UNITS))
    with pytest.raises(NewerFormat):
        await read(connections, minute)
    assert not await connections.steady.keys("*:applied:*")
