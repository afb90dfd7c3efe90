"""What people and allocations read of a router, from a real store."""

from dataclasses import replace

import pytest
from turnout.router.v1.strategy_pb2 import BANDIT_ALGORITHM_EPSILON_GREEDY

from services.feedback import crediting
from services.feedback.allotment import Account, allot
from services.feedback.contexts import Contexts
from services.feedback.measure import UNITS, Measure
from services.feedback.rules import Rules
from services.feedback.standings import Standings
from services.feedback.wire.records import prediction_of
from services.feedback.wire.routers import rules_of
from services.feedback.wire.snapshots import NOT_ALLOTTED, snapshot_of
from services.state.connection import Connections
from services.state.learned import SnapshotStore
from services.state.pulls import Counted, Pulls, PullStore
from services.state.records import RecordStore
from services.state.rewards import RewardStore
from tests.feedback.recorded import NOW, PARTITION, ROUTER_UID, event, prediction_id, router

RULES = rules_of(router())


@pytest.fixture
def standings(connections: Connections) -> Standings:
    redis, records = connections.steady, RecordStore(connections)
    return Standings(RewardStore(redis), PullStore(redis), SnapshotStore(connections), Contexts(records))


async def earn(standings: Standings, rules: Rules, *shares: tuple[str, float], start: int = 0) -> None:
    """Give an arm's next prediction each share of the range, in this order."""
    for number, (arm, share) in enumerate(shares, start):
        prediction = prediction_of(event(prediction_id(number), arm))
        units = round(share * UNITS)
        claim = crediting.reward(rules, prediction, 0, rules.reward, units, 1, "f")
        await standings.rewards.apply([claim], NOW)


async def test_a_snapshot_tells_each_arms_life_window_and_draws(standings: Standings) -> None:
    rules = replace(RULES, window=2)
    await earn(standings, rules, ("a", 1), ("a", 0), ("a", 0), ("b", 0.5))
    await standings.pulls.count(PARTITION, {(ROUTER_UID, "a"): Pulls(9, 2)}, after=Counted(""), until="1-0")
    standing = await standings.read(rules)
    shares = allot(Account(rules, standing.windows, standing.states.arms))
    shown = snapshot_of(rules, standing, shares, NOW)
    a, b = shown.arms
    assert (a.variant, a.pulls, a.failures, a.pending, a.rewards) == ("a", 9, 2, 6, 3)
    assert a.mean == pytest.approx(1 / 3, abs=1e-6)
    assert a.variance == pytest.approx(1 / 3, abs=1e-6)
    assert (a.window_rewards, a.window_mean) == (2, 0)
    assert (b.pulls, b.pending, b.rewards, b.window_mean) == (0, 0, 1, 0.5)
    assert not b.HasField("variance")
    assert [a.probability, b.probability] == pytest.approx([0.05, 0.95])
    assert (shown.algorithm, shown.reward_metric) == (BANDIT_ALGORITHM_EPSILON_GREEDY, "accuracy")
    assert (shown.generation, shown.reward_window, shown.format) == (1, 2, 1)


async def test_means_are_in_the_metrics_own_unit(standings: Standings) -> None:
    rules = replace(RULES, reward=Measure("revenue", -10, 30))
    await earn(standings, rules, ("a", 0.5), ("a", 1.0))
    standing = await standings.read(rules)
    arm = snapshot_of(rules, standing, NOT_ALLOTTED, NOW).arms[0]
    assert (arm.mean, arm.window_mean) == (20, 20)
    assert arm.variance == pytest.approx(200)


async def test_an_arm_without_rewards_has_no_mean(standings: Standings) -> None:
    standing = await standings.read(RULES)
    for arm in snapshot_of(RULES, standing, NOT_ALLOTTED, NOW).arms:
        assert not arm.HasField("mean")
        assert not arm.HasField("window_mean")


async def test_a_variant_that_is_gone_stays_in_view(standings: Standings) -> None:
    await earn(standings, RULES, ("former", 1))
    standing = await standings.read(RULES)
    shown = snapshot_of(RULES, standing, NOT_ALLOTTED, NOW)
    assert [arm.variant for arm in shown.arms] == ["a", "b", "former"]


async def test_a_window_that_shrank_forgets_at_once(standings: Standings) -> None:
    await earn(standings, RULES, ("a", 1), ("a", 0), ("a", 0))
    standing = await standings.read(replace(RULES, window=2))
    assert standing.windows["a"] == (2, 0)


async def test_the_overall_window_forgets_losers_and_can_be_chosen_any_time(standings: Standings) -> None:
    await earn(standings, RULES, ("a", 1), ("b", 1), ("b", 0), ("b", 1))
    assert (await standings.read(replace(RULES, window=3))).windows["a"] == (1, UNITS)
    overall = (await standings.read(replace(RULES, window=3, overall=True))).windows
    assert overall == {"a": (0, 0), "b": (3, 2 * UNITS)}


async def test_a_metric_with_another_range_starts_anew(standings: Standings) -> None:
    await earn(standings, RULES, ("a", 1))
    wider = replace(RULES, reward=Measure("accuracy", 0, 100))
    assert (await standings.read(wider)).states.arms == {}


async def test_less_is_better_where_the_metric_says_so(standings: Standings) -> None:
    cost = replace(RULES, reward=Measure("cost", 0, 10, minimize=True))
    await earn(standings, cost, ("a", 0.9), ("b", 0.1))
    shares = allot(Account(cost, (await standings.read(cost)).windows, {})).shares
    assert shares["b"] > shares["a"]


async def test_a_disabled_variant_keeps_its_rewards_and_gets_nothing(standings: Standings) -> None:
    await earn(standings, RULES, ("a", 1), ("b", 0))
    disabled = replace(RULES, enabled={"a": False, "b": True})
    standing = await standings.read(disabled)
    assert allot(Account(disabled, standing.windows, {})).shares == {"a": 0.0, "b": 1.0}
    assert standing.states.arms["a"].n == 1
