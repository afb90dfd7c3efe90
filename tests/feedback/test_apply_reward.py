"""The script that counts a reward once, against a model of what the state must be."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError

from services.state import ids, keys
from services.state.claims import FINAL, UNITS, Applied, Claim, Learner, Report
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.rewards import RewardStore, place_of

NOW = 1_750_000_000.0
HORIZON = 30 * 86_400.0
LEARNER = Learner(7, "0197-router", "accuracy")


def predictions(count: int, seed: int) -> list[str]:
    """Ids over ten minutes, in the order of their times."""
    rng = random.Random(seed)
    return sorted(ids.new_prediction_id(7, NOW - rng.uniform(0, 600), rng) for _ in range(count))


def some_reports(rng: random.Random, count: int) -> list[Report]:
    """Reports on few predictions, so that corrections, ties and late ones happen; distinct feedback ids."""
    chosen = predictions(count // 2, rng.randrange(1000))
    found = []
    for number in range(count):
        at = rng.randrange(len(chosen))
        # An arm belongs to a prediction: a decision draws once.
        arm = f"arm-{at % 3}"
        found.append(
            Report(
                chosen[at], rng.randrange(2), arm, rng.randrange(UNITS + 1), rng.randrange(5), f"f{number:04}"
            )
        )
    return found


def winners(reports: Iterable[Report]) -> dict[tuple[str, int], Report]:
    """By prediction and row, the report with the greatest (observed, feedback id)."""
    best: dict[tuple[str, int], Report] = {}
    for report in sorted(reports, key=lambda each: (each.observed, each.feedback_id)):
        best[report.prediction_id, report.row] = report
    return best


def expected(reports: Sequence[Report], window: int) -> dict[str, tuple[int, ...]]:
    """n, sum, squares, window n and window sum of each arm, from nothing but the set of reports."""
    totals: dict[str, tuple[int, ...]] = {}
    for arm in {report.arm for report in reports}:
        won = [report for report in winners(reports).values() if report.arm == arm]
        units = [report.units for report in won]
        newest = sorted(won, key=lambda each: place_of(each.prediction_id, each.row))[-window:]
        squares = sum((value * value + UNITS // 2) // UNITS for value in units)
        totals[arm] = (len(won), sum(units), squares, len(newest), sum(each.units for each in newest))
    return totals


async def state(connections: Connections, window: int = 1000) -> dict[str, Any]:
    """Everything in the store, byte for byte; of windows what is read of them: the last `window` entries."""
    redis: Any = connections.steady
    kinds = {key: await redis.type(key) for key in await redis.keys("turnout:*")}
    return {
        key: await redis.hgetall(key) if kind == b"hash" else (await redis.get(key))[-24 * window :]
        for key, kind in kinds.items()
    }


async def apply(
    connections: Connections, *reports: Report, window: int = 1000, now: float = NOW
) -> list[Applied]:
    claims = [Claim(LEARNER, report, window, HORIZON) for report in reports]
    return await RewardStore(connections.steady).apply(claims, now)


def report(prediction: str, units: int, observed: int = 1, feedback: str = "f", row: int = 0) -> Report:
    return Report(prediction, row, "a", units, observed, feedback)


@pytest.mark.parametrize("seed", range(12))
async def test_replay_duplicate_reorder_and_retry_leave_the_same_state(
    connections: Connections, seed: int
) -> None:
    rng = random.Random(seed)
    # The longest crosses the point at which the window's string is cut.
    reports = some_reports(rng, 60 if seed else 900)
    window = rng.choice([1, 2, 5, 1000]) if seed else 5
    seen = []
    for _ in range(3):
        await connections.steady.flushdb()
        again = [*reports, *rng.choices(reports, k=40)]
        rng.shuffle(again)
        for start in range(0, len(again), 50):
            await apply(connections, *again[start : start + 50], window=window)
        seen.append(await state(connections, window))
    assert seen[0] == seen[1] == seen[2]
    states = await RewardStore(connections.steady).read(LEARNER)
    totals = {
        arm: (each.n, each.sum, each.squares, each.window_n, each.window_sum)
        for arm, each in states.arms.items()
    }
    assert totals == expected(reports, window)
    assert states.version == len(reports)


async def test_says_what_became_of_each_report(connections: Connections) -> None:
    one, other = predictions(2, 1)
    assert await apply(connections, report(one, UNITS, observed=5, feedback="b")) == [Applied.ACCEPTED]
    assert await apply(connections, report(one, UNITS, observed=5, feedback="b")) == [Applied.DUPLICATE]
    assert await apply(connections, report(one, 0, observed=6, feedback="a")) == [Applied.CORRECTED]
    assert await apply(connections, report(one, UNITS, observed=4, feedback="z")) == [Applied.SUPERSEDED]
    assert await apply(connections, report(one, UNITS, observed=4, feedback="z")) == [Applied.DUPLICATE]
    assert await apply(connections, report(other, UNITS)) == [Applied.ACCEPTED]


async def test_a_retry_that_claims_a_later_observation_is_still_the_same_feedback(
    connections: Connections,
) -> None:
    """The receiver stamps feedback without a time: repeated after a correction it must not undo it."""
    (one,) = predictions(1, 2)
    await apply(connections, report(one, UNITS, observed=1, feedback="first"))
    await apply(connections, report(one, 0, observed=2, feedback="correction"))
    assert await apply(connections, report(one, UNITS, observed=3, feedback="first")) == [Applied.DUPLICATE]
    states = await RewardStore(connections.steady).read(LEARNER)
    assert states.arms["a"].sum == 0


async def test_ties_of_time_are_broken_by_the_feedback_id(connections: Connections) -> None:
    (one,) = predictions(1, 3)
    await apply(connections, report(one, 10, feedback="b"))
    assert await apply(connections, report(one, 20, feedback="a")) == [Applied.SUPERSEDED]
    assert await apply(connections, report(one, 30, feedback="c")) == [Applied.CORRECTED]


async def test_a_final_report_is_never_corrected(connections: Connections) -> None:
    (one,) = predictions(1, 4)
    await apply(connections, report(one, 0, observed=FINAL, feedback="!failed"))
    later = report(one, UNITS, observed=FINAL - 1, feedback="zzz")
    assert await apply(connections, later) == [Applied.SUPERSEDED]


async def test_a_correction_outside_the_window_changes_totals_only(connections: Connections) -> None:
    old, middle, new = predictions(3, 5)
    for prediction in (old, middle, new):
        await apply(connections, report(prediction, 100), window=2)
    await apply(connections, report(old, 900, observed=2, feedback="g"), window=2)
    arm = (await RewardStore(connections.steady).read(LEARNER)).arms["a"]
    assert (arm.n, arm.sum, arm.window_n, arm.window_sum) == (3, 1100, 2, 200)


async def test_the_window_holds_the_newest_predictions_not_the_newest_arrivals(
    connections: Connections,
) -> None:
    old, middle, new = predictions(3, 6)
    for units, prediction in ((300, new), (200, middle), (100, old)):
        await apply(connections, report(prediction, units), window=2)
    windows = await RewardStore(connections.steady).windows(LEARNER, ["a", "never"])
    assert windows["a"]["units"].tolist() == [200, 300]
    assert [entry.tobytes()[:20] for entry in windows["a"]] == [place_of(middle, 0), place_of(new, 0)]
    assert windows["never"]["units"].tolist() == []


async def test_a_smaller_window_forgets_at_the_next_reward(connections: Connections) -> None:
    chosen = predictions(5, 7)
    await apply(connections, *(report(prediction, 100) for prediction in chosen[:4]), window=4)
    await apply(connections, report(chosen[4], 700), window=2)
    arm = (await RewardStore(connections.steady).read(LEARNER)).arms["a"]
    assert (arm.window_n, arm.window_sum) == (2, 800)


async def test_a_larger_window_remembers_from_then_on(connections: Connections) -> None:
    chosen = predictions(6, 15)
    await apply(connections, *(report(prediction, 100) for prediction in chosen[:5]), window=5)
    await apply(connections, report(chosen[5], 700), window=9)
    arm = (await RewardStore(connections.steady).read(LEARNER)).arms["a"]
    assert (arm.window_n, arm.window_sum) == (6, 1200)


async def test_a_window_takes_little_more_room_than_its_rewards(connections: Connections) -> None:
    chosen = predictions(700, 16)
    for start in range(0, 700, 100):
        await apply(connections, *(report(one, 1) for one in chosen[start : start + 100]), window=10)
    packed = await connections.steady.strlen(keys.arm_window(*LEARNER, "a"))
    assert packed <= 24 * (10 + 250)
    arm = (await RewardStore(connections.steady).read(LEARNER)).arms["a"]
    assert (arm.n, arm.window_n, arm.window_sum) == (700, 10, 10)


async def test_past_the_horizon_nothing_changes(connections: Connections) -> None:
    (one,) = predictions(1, 8)
    predicted = ids.time_of(one)
    assert await apply(connections, report(one, 1), now=predicted + HORIZON) == [Applied.EXPIRED]
    assert await state(connections) == {}
    assert await apply(connections, report(one, 1), now=predicted + HORIZON - 1) == [Applied.ACCEPTED]


async def test_everything_it_writes_expires(connections: Connections) -> None:
    (one,) = predictions(1, 9)
    await apply(connections, report(one, 1))
    bucket = keys.reports_applied(7, ids.minute_of(one))
    redis = connections.steady
    assert all([0 < await redis.ttl(key) <= 90 * 86_400 for key in await redis.keys("turnout:*")])
    # Longer than the horizon, or a report could be counted again under another clock.
    assert NOW + await redis.ttl(bucket) > ids.time_of(one) + HORIZON


async def test_a_record_of_reports_does_not_grow_without_end(connections: Connections) -> None:
    (one,) = predictions(1, 10)
    many = [report(one, number, observed=number, feedback=f"f{number}") for number in range(40)]
    answers = await apply(connections, *many)
    assert answers[:32] == [Applied.ACCEPTED, *[Applied.CORRECTED] * 31]
    assert set(answers[32:]) == {Applied.TOO_MANY_REPORTS}
    assert (await RewardStore(connections.steady).read(LEARNER)).arms["a"].sum == 31


async def test_arms_do_not_grow_without_end(connections: Connections) -> None:
    chosen = predictions(258, 11)
    reports = [Report(one, 0, f"arm-{number}", 1, 1, "f") for number, one in enumerate(chosen)]
    answers = await apply(connections, *reports)
    assert answers == [*[Applied.ACCEPTED] * 256, *[Applied.TOO_MANY_ARMS] * 2]


@pytest.mark.parametrize(("units", "observed"), [(UNITS + 1, 1), (-1, 1), (1, -1)])
async def test_a_malformed_report_is_refused_before_anything_is_written(
    connections: Connections, units: int, observed: int
) -> None:
    (one,) = predictions(1, 12)
    with pytest.raises(ResponseError, match=r"must be whole millionths|is malformed"):
        await apply(connections, report(one, units, observed))
    assert await state(connections) == {}


async def test_what_a_newer_version_has_written_is_left_alone(connections: Connections) -> None:
    one, other = predictions(2, 14)
    await apply(connections, report(one, 1))
    await connections.steady.hset(keys.arms(*LEARNER), "format", "2")
    before = await state(connections)
    with pytest.raises(NewerFormat, match="format 2"):
        await apply(connections, report(other, 1))
    with pytest.raises(NewerFormat, match="format 2"):
        await RewardStore(connections.steady).read(LEARNER)
    assert await state(connections) == before


async def test_ids_order_as_bytes_whatever_the_servers_locale(connections: Connections) -> None:
    (one,) = predictions(1, 13)
    await apply(connections, report(one, 10, feedback="a"))
    # Many locales put "B" after "a"; bytes put it before.
    assert await apply(connections, report(one, 20, feedback="B")) == [Applied.SUPERSEDED]
