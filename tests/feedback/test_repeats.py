"""What a second report does: replace, add up, or nothing; whatever the order in which they come."""

import itertools
import random
from collections.abc import Sequence

import pytest

from services.state import ids, keys
from services.state.claims import FINAL, UNITS, Applied, Claim, Repeats, Report
from services.state.connection import Connections
from services.state.rewards import RewardStore
from tests.feedback.test_apply_reward import HORIZON, LEARNER, NOW, predictions, some_reports, state

ZERO = UNITS // 4


def claims(reports: Sequence[Report], repeats: Repeats) -> list[Claim]:
    return [Claim(LEARNER, one, 1000, HORIZON, repeats=repeats, zero=ZERO) for one in reports]


def worth(reports: Sequence[Report], repeats: Repeats) -> int:
    """What the reports on one row come to."""
    if final := [one for one in reports if one.observed == FINAL]:
        return final[0].units
    ordered = sorted(reports, key=lambda one: (one.observed, one.feedback_id))
    if repeats == "SUM":
        return max(0, min(UNITS, ZERO + sum(one.units - ZERO for one in reports)))
    return ordered[0 if repeats == "FIRST" else -1].units


@pytest.mark.parametrize("repeats", ["REPLACE", "FIRST", "SUM"])
@pytest.mark.parametrize("seed", range(3))
async def test_the_set_of_reports_decides_and_not_their_order(
    connections: Connections, repeats: Repeats, seed: int
) -> None:
    rng = random.Random(seed)
    reports = some_reports(rng, 60)
    # One row's variant failed: its verdict comes in somewhere among the reports.
    reports.append(reports[0]._replace(observed=FINAL, units=7, feedback_id="\x1ffailed"))
    seen = []
    for _ in range(3):
        await connections.steady.flushdb()
        again = [*reports, *rng.choices(reports, k=40)]
        rng.shuffle(again)
        await RewardStore(connections.steady).apply(claims(again, repeats), NOW)
        seen.append(await state(connections))
    assert seen[0] == seen[1] == seen[2]
    rows = {(one.prediction_id, one.row) for one in reports}
    values = [worth([one for one in reports if (one.prediction_id, one.row) == row], repeats) for row in rows]
    arms = (await RewardStore(connections.steady).read(LEARNER)).arms.values()
    assert sum(arm.n for arm in arms) == len(rows)
    assert sum(arm.sum for arm in arms) == sum(values)
    assert sum(arm.window_sum for arm in arms) == sum(values)


async def test_says_what_became_of_each(connections: Connections) -> None:
    (one,) = predictions(1, 1)
    early, late = Report(one, 0, "a", 300_000, 1, "e"), Report(one, 0, "a", 500_000, 2, "l")
    store = RewardStore(connections.steady)
    first = [late, early, late, early]
    assert await store.apply(claims(first, "FIRST"), NOW) == [
        Applied.ACCEPTED,
        Applied.CORRECTED,
        Applied.DUPLICATE,
        Applied.DUPLICATE,
    ]
    await connections.steady.flushdb()
    assert await store.apply(claims([early, late, early], "SUM"), NOW) == [
        Applied.ACCEPTED,
        Applied.ACCEPTED,
        Applied.DUPLICATE,
    ]
    arm = (await store.read(LEARNER)).arms["a"]
    assert (arm.n, arm.sum) == (1, ZERO + 50_000 + 250_000)


@pytest.mark.parametrize("repeats", ["REPLACE", "FIRST", "SUM"])
async def test_an_id_with_another_value_is_told_and_changes_nothing(
    connections: Connections, repeats: Repeats
) -> None:
    """To the last millionth, of whichever report it is the id: the one that holds, or another."""
    (one,) = predictions(1, 3)
    reports = [
        Report(one, 0, "a", units, at, id_) for at, (id_, units) in enumerate((("e", 300_000), ("l", 7)))
    ]
    store = RewardStore(connections.steady)
    await store.apply(claims(reports, repeats), NOW)
    before = await state(connections)
    others = [report._replace(units=report.units + 1, observed=9) for report in reports]
    others.append(reports[0]._replace(units=UNITS))
    assert await store.apply(claims([*others, *reports], repeats), NOW) == [
        *[Applied.ID_REUSED] * 3,
        *[Applied.DUPLICATE] * 2,
    ]
    assert await state(connections) == before


async def test_what_is_known_of_a_report_takes_sixteen_bytes(connections: Connections) -> None:
    (one,) = predictions(1, 4)
    store, sizes = RewardStore(connections.steady), []
    for number in range(1, 4):
        report = Report(one, 0, "a", UNITS, number, f"f{number}")
        await store.apply(claims([report], "REPLACE"), NOW)
        (kept,) = await connections.steady.hvals(keys.reports_applied(7, ids.minute_of(one)))
        sizes.append(len(kept))
    assert [later - earlier for earlier, later in itertools.pairwise(sizes)] == [16, 16]


async def test_a_sum_goes_on_from_what_was_replaced_before(connections: Connections) -> None:
    """The router changes its mind: what holds then is the first of what is added up."""
    (one,) = predictions(1, 2)
    store = RewardStore(connections.steady)
    reports = [Report(one, 0, "a", units, number, f"f{number}") for number, units in enumerate((9, 300_000))]
    await store.apply(claims(reports, "REPLACE"), NOW)
    await store.apply(claims([Report(one, 0, "a", ZERO + 5, 3, "more")], "SUM"), NOW)
    assert (await store.read(LEARNER)).arms["a"].sum == 300_005
    await store.apply(claims([Report(one, 0, "a", 0, 4, "back")], "REPLACE"), NOW)
    assert (await store.read(LEARNER)).arms["a"].sum == 0
