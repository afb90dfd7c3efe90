"""What GetMetrics answers, from what feedback has written: exact sums, shares of one, and what is missing."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from turnout.feedback.v1.traffic_pb2 import TrafficBucket
from turnout.inference.v1.event_pb2 import EventBatch
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.router.reporting.query import POLICY, SEGMENT, TIME, VARIANT
from services.router.reporting.report import Reports, reports
from services.state import events, ids
from services.state.buckets import HOUR, MINUTE, Bucket, buckets_of
from services.state.claims import UNITS, Claim, Learner, Report
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.heartbeats import Heartbeats, Replica
from services.state.latency import cell_of
from services.state.outcomes import LABEL, OTHER, REWARD, TRUTH, Cell, Counted
from services.state.rewards import RewardStore
from services.state.traffic import TrafficStore, kept_traffic

UID = "018bcfe5-69f4-7000-8591-b7582265b1f5"
PARTITION = ids.partition_for(UID)
FENCE = Fence.of(PARTITION, "feedback", 1)
# The middle of an hour: a minute before and after is in the same one.
NOW = time.time() // HOUR * HOUR + 1800.5
WORST = 0.05


class Past:
    """What feedback has written of a router."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.reports: Reports = reports(connections, Heartbeats(connections), lambda: NOW)
        self.router = Router(uid=UID, name="routers/churn", variants=[{"id": "a"}, {"id": "b"}])
        self._counted: dict[tuple[str, Bucket], TrafficBucket] = {}
        self._rng = random.Random(1)

    async def traffic(
        self, variant: str, *ms: float, policy: str = "", age: float = 60.0, **more: Any
    ) -> None:
        """Predictions of so many milliseconds each."""
        for bucket in buckets_of(NOW - age, NOW):
            found = self._counted.setdefault((UID, bucket), TrafficBucket(format=1))
            group = found.groups.add(variant=variant, policy=policy, requests=len(ms), **more)
            group.latency_us = round(sum(ms) * 1000)
            for one in ms:
                group.latency_cells[cell_of(one)] += 1
        await self.connections.steady.set(FENCE.key, FENCE.token)
        await TrafficStore(self.connections).write(FENCE, kept_traffic(PARTITION, self._counted, NOW))

    async def outcome(
        self, cell: Cell, *values: float, age: float = 60.0, segments: Sequence[str] = ()
    ) -> None:
        """Rewards or labels, as shares of the range."""
        claims = []
        for value in values:
            id_ = ids.new_prediction_id(PARTITION, NOW - age, self._rng)
            report = Report(id_, 0, cell.variant or "all", round(value * UNITS), 1, "f")
            learner = Learner(PARTITION, UID, f"{cell.kind} {cell.metric}")
            claims.append(Claim(learner, report, 1, 1e9, counted=Counted(UID, cell, tuple(segments))))
        await RewardStore(self.connections.steady).apply(claims, NOW)

    async def ask(self, *groups: Any, window: float = 3600, step: int = 0) -> rpc.GetMetricsResponse:
        request = rpc.GetMetricsRequest(name="churn", group_by=groups, window=Duration(seconds=int(window)))
        if step:
            request.step.seconds = step
        return await self.reports.of(self.router, request)


@pytest.fixture
def past(connections: Connections) -> Past:
    return Past(connections)


def rows(reply: rpc.GetMetricsResponse, *fields: str) -> Sequence[tuple[Any, ...]]:
    return [tuple(getattr(row, field) for field in fields) for row in reply.rows]


async def test_nothing_came_and_it_says_so_without_dividing_by_it(past: Past) -> None:
    reply = await past.ask()
    assert rows(reply, "variant", "requests", "share") == [("a", 0, 0.0), ("b", 0, 0.0)]
    for row in (reply.total, *reply.rows):
        for field in ("error_rate", "latency_p50_ms", "latency_mean_ms", "reward_mean", "accuracy"):
            assert not row.HasField(field)
    assert list(reply.warnings) == []


async def test_variants_add_up_to_the_total_and_shares_to_one(past: Past) -> None:
    await past.traffic("a", 10.0, 20.0, 30.0, errors=1, tokens_in=5, cost={"USD": 0.5})
    await past.traffic("b", 100.0, rescued=1, tokens_out=7, cost={"USD": 0.25, "EUR": 1.0})
    reply = await past.ask()
    assert rows(reply, "variant", "requests", "share", "errors", "rescued") == [
        ("a", 3, 0.75, 1, 0),
        ("b", 1, 0.25, 0, 1),
    ]
    total = reply.total
    assert (total.requests, total.share, total.error_rate) == (4, 1.0, 0.25)
    assert (total.tokens_in, total.tokens_out, dict(total.cost)) == (5, 7, {"USD": 0.75, "EUR": 1.0})
    assert total.latency_mean_ms == 40.0
    assert reply.rows[0].latency_p50_ms == pytest.approx(20.0, rel=WORST)
    assert reply.rows[0].latency_p99_ms == pytest.approx(30.0, rel=WORST)


async def test_policies_alone_and_with_variants(past: Past) -> None:
    await past.traffic("a", 1.0, policy="vip")
    await past.traffic("a", 1.0, 1.0)
    await past.traffic("b", 1.0, policy="vip")
    assert rows(await past.ask(POLICY), "policy", "variant", "requests") == [("", "", 2), ("vip", "", 2)]
    assert rows(await past.ask(POLICY, VARIANT), "variant", "policy", "requests") == [
        ("a", "", 2),
        ("a", "vip", 1),
        ("b", "vip", 1),
    ]


async def test_time_is_cut_into_steps_whose_shares_are_of_the_whole_window(past: Past) -> None:
    await past.traffic("a", 1.0, age=60)
    await past.traffic("a", 1.0, 1.0, age=660)
    await past.traffic("b", 1.0, age=660)
    reply = await past.ask(TIME, step=600)
    assert rows(reply, "requests", "share") == [(3, 0.75), (1, 0.25)]
    ends = [(row.start_time.ToSeconds(), row.end_time.ToSeconds()) for row in reply.rows]
    assert all(end - start <= 600 for start, end in ends)
    assert all(start <= NOW - age < end for (start, end), age in zip(ends, (660, 60), strict=True))


async def test_what_lies_before_the_window_is_left_out(past: Past) -> None:
    await past.traffic("a", 1.0, age=60)
    await past.traffic("a", 1.0, 1.0, age=600)
    assert (await past.ask(window=300)).total.requests == 1
    assert (await past.ask(window=900)).total.requests == 3


async def test_days_are_read_by_the_hour_and_count_each_prediction_once(past: Past) -> None:
    for days in (0.01, 1, 10, 29):
        await past.traffic("a", 1.0, age=days * 86_400)
    assert [(await past.ask(window=days * 86_400)).total.requests for days in (0.5, 2, 11, 30)] == [
        1,
        2,
        3,
        4,
    ]
    reply = await past.ask(TIME, window=30 * 86_400, step=86_400)
    assert [row.requests for row in reply.rows] == [1, 1, 1, 1]


async def test_rewards_are_those_of_the_routers_metric_in_its_unit(past: Past) -> None:
    past.router.bandit.reward_metric = "revenue"
    revenue = Cell(REWARD, "revenue", -100, 100, "a")
    await past.outcome(revenue, 0.5, 1.0)
    await past.outcome(replace_range(revenue, 0, 50), 1.0)
    await past.outcome(Cell(REWARD, "other", variant="a"), 1.0)
    reply = await past.ask()
    assert reply.rows[0].rewards == reply.total.rewards == 3
    assert reply.rows[0].reward_mean == pytest.approx((0 + 100 + 50) / 3)
    assert reply.rows[1].rewards == 0
    assert reply.total.reward_mean == pytest.approx(50)


def replace_range(cell: Cell, low: float, high: float) -> Cell:
    return cell._replace(low=low, high=high)


async def test_labels_are_rows_with_truth_and_accuracy_those_that_compare(past: Past) -> None:
    await past.outcome(Cell(LABEL, variant="a"), 1.0, 1.0, 0.0, 1.0)
    await past.outcome(Cell(TRUTH, variant="b"), 0.0, 0.0)
    reply = await past.ask()
    assert (reply.rows[0].labels, reply.rows[0].accuracy) == (4, 0.75)
    assert (reply.rows[1].labels, reply.rows[1].HasField("accuracy")) == (2, False)
    assert (reply.total.labels, reply.total.accuracy) == (6, 0.75)


async def test_outcomes_belong_to_the_time_of_the_prediction(past: Past) -> None:
    await past.outcome(Cell(LABEL, variant="a"), 1.0, age=60)
    await past.outcome(Cell(LABEL, variant="a"), 0.0, age=1200)
    assert (await past.ask(window=300)).total.accuracy == 1.0
    assert (await past.ask(window=1800)).total.accuracy == 0.5


async def test_segments_of_the_same_predictions_are_not_added_up(past: Past) -> None:
    await past.traffic("a", 1.0)
    await past.traffic("a", 1.0, segment="region=eu")
    await past.outcome(Cell(LABEL, variant="a", segment="region=eu"), 1.0)
    reply = await past.ask()
    assert (reply.total.requests, reply.total.labels) == (1, 0)


async def test_what_is_not_counted_yet_is_told(past: Past) -> None:
    redis = past.connections
    await events.append(redis, PARTITION, EventBatch(), "writer", 1)
    await Heartbeats(redis).beat(Replica("r1", events_waiting=3))
    warnings = list((await past.ask()).warnings)
    assert any("1 batches of events" in warning for warning in warnings)
    assert any("3 events wait" in warning for warning in warnings)


@pytest.mark.parametrize(("age", "told"), [(600, True), (2 * HOUR, False)])
async def test_lost_events_make_the_windows_that_they_were_in_incomplete(
    past: Past, age: float, told: bool
) -> None:
    redis, at = past.connections, NOW - age
    await redis.steady.set(FENCE.key, FENCE.token)
    lost_in = [Bucket(seconds, int(at // seconds) * seconds) for seconds in (MINUTE, HOUR)]
    await past.reports.traffic.mark(PARTITION, FENCE, lost_in, NOW)
    assert any("Incomplete" in warning for warning in (await past.ask()).warnings) is told


async def test_too_many_groups_are_told(past: Past) -> None:
    await past.traffic(OTHER, 1.0, policy=OTHER)
    reply = await past.ask()
    assert any("OTHER" in warning for warning in reply.warnings)
    assert reply.total.requests == 1


async def test_another_routers_traffic_is_not_ours(past: Past) -> None:
    await past.traffic("a", 1.0)
    other = Router()
    other.CopyFrom(past.router)
    other.uid = "018bcfe5-69f4-7000-8591-bc64f6d89c7c"
    reply = await replace(past.reports).of(other, rpc.GetMetricsRequest())
    assert reply.total.requests == 0


async def test_by_segment_each_value_has_a_row_and_the_total_counts_once(past: Past) -> None:
    await past.traffic("a", 1.0, 1.0, 1.0)
    await past.traffic("b", 1.0)
    for variant, count, tier in (("a", 2, "gold"), ("a", 1, "free"), ("b", 1, "gold")):
        await past.traffic(variant, *[1.0] * count, segment=f"tier={tier}")
    await past.traffic("a", 1.0, segment="region=eu")
    reply = await past.ask(SEGMENT)
    assert rows(reply, "segment", "variant", "requests", "share") == [
        ("region=eu", "", 1, 0.25),
        ("tier=free", "", 1, 0.25),
        ("tier=gold", "", 3, 0.75),
    ]
    assert reply.total.requests == 4
    assert rows(await past.ask(SEGMENT, VARIANT), "segment", "variant", "requests") == [
        ("region=eu", "a", 1),
        ("tier=free", "a", 1),
        ("tier=gold", "a", 2),
        ("tier=gold", "b", 1),
    ]


async def test_rewards_and_labels_of_a_segment_stand_in_its_row(past: Past) -> None:
    await past.traffic("a", 1.0, 1.0)
    await past.traffic("a", 1.0, segment="tier=gold")
    await past.traffic("a", 1.0, segment=f"tier={OTHER}")
    gold = ["tier=gold"]
    await past.outcome(Cell(REWARD, "accuracy", variant="a"), 1.0, 0.0, segments=gold)
    # Nobody found room for silver among the predictions of this time.
    await past.outcome(Cell(LABEL, variant="a"), 1.0, segments=["tier=silver"])
    reply = await past.ask(SEGMENT)
    found = rows(reply, "segment", "requests", "rewards", "reward_mean", "labels", "accuracy")
    assert found == [(f"tier={OTHER}", 1, 0, 0.0, 1, 1.0), ("tier=gold", 1, 2, 0.5, 0, 0.0)]
    assert (reply.total.rewards, reply.total.labels) == (2, 1)
