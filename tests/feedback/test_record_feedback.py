"""Feedback over a real channel: what becomes of it, and what is refused."""

import math
import time
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import Truth, TruthEntry
from turnout.router.v1.router_pb2 import Router

from services.feedback.durability import Durability
from services.foundation.errors import RemoteError
from services.state import keys
from services.state.streams import TRUTH
from tests.feedback import recorded
from tests.feedback.conftest import Setting


def status(reply: rpc.RecordFeedbackResponse) -> str:
    return rpc.FeedbackStatus.Name(reply.status).removeprefix("FEEDBACK_STATUS_")


def at(second: int) -> Timestamp:
    return Timestamp(seconds=1_700_000_000 + second)


async def truths(setting: Setting) -> list[TruthEntry]:
    found: Any = await setting.connections.steady.xrange(keys.truth(setting.partition))
    return [TruthEntry.FromString(fields[TRUTH.field]) for _, fields in found]


async def untouched(setting: Setting) -> bool:
    """Whether no arm has anything and nothing waits."""
    redis: Any = setting.connections.steady
    written = [*await redis.keys("*:arms:*"), *await redis.keys("*:parked*"), *await redis.keys("*:truth*")]
    return not written


async def test_a_reward_is_credited_to_the_variant_that_was_drawn(setting: Setting) -> None:
    reply = await setting.give(await setting.predict("b"), reward=1)
    assert status(reply) == "ACCEPTED"
    assert (reply.router, reply.variant) == ("routers/learner", "b")
    assert len(reply.feedback_id) == 32
    arm = await setting.arm("b")
    assert (arm.rewards, arm.mean, arm.window_mean) == (1, 1, 1)


async def test_the_reply_names_how_safe_it_is(setting: Setting) -> None:
    reply = await setting.give(await setting.predict(), reward=1)
    assert reply.durability == await Durability(setting.connections.steady, time.time).level()
    assert reply.durability


async def test_the_same_feedback_again_changes_nothing(setting: Setting) -> None:
    prediction = await setting.predict()
    replies = [await setting.give(prediction, reward=1) for _ in range(3)]
    assert [status(reply) for reply in replies] == ["ACCEPTED", "DUPLICATE", "DUPLICATE"]
    assert len({reply.feedback_id for reply in replies}) == 1
    assert (await setting.arm()).rewards == 1


async def test_a_later_observation_corrects_and_an_earlier_one_is_superseded(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.give(prediction, reward=1, observed_at=at(5))
    assert status(await setting.give(prediction, reward=0, observed_at=at(9))) == "CORRECTED"
    assert status(await setting.give(prediction, reward=1, observed_at=at(7))) == "SUPERSEDED"
    arm = await setting.arm()
    assert (arm.rewards, arm.mean) == (1, 0)


async def test_a_metric_of_the_router_is_kept_apart_from_its_reward(setting: Setting) -> None:
    def convert(router: Router) -> None:
        router.metrics.add(name="revenue", max_value=200)

    await setting.create(convert, name="routers/shop")
    prediction = await setting.predict()
    given = rpc.MetricValue(name="revenue", value=50)
    assert status(await setting.give(prediction, metric=given)) == "ACCEPTED"
    assert (await setting.arm()).rewards == 0


async def test_the_reward_metric_by_its_name_is_the_reward(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.give(prediction, metric=rpc.MetricValue(name="accuracy", value=0.5))
    assert (await setting.arm()).mean == 0.5


async def test_rewards_of_a_router_that_does_not_learn_are_kept_too(setting: Setting) -> None:
    await setting.create(lambda router: router.weighted.SetInParent(), name="routers/split")
    await setting.give(await setting.predict(), reward=1)
    shown = await setting.rewards()
    assert (shown.arms[0].rewards, shown.version, shown.algorithm) == (1, 0, 0)


async def test_feedback_before_its_record_is_pending_and_kept(setting: Setting) -> None:
    early = setting.event().manifest.prediction_id
    reply = await setting.give(early, reward=1)
    assert (status(reply), reply.router, reply.variant) == ("ACCEPTED_PENDING", "", "")
    assert status(await setting.give(early, reward=1)) == "DUPLICATE"
    assert await setting.connections.steady.hlen(keys.parked_items(setting.partition)) == 1


async def test_truth_goes_to_the_truth_stream_whether_its_record_is_there_or_not(setting: Setting) -> None:
    known, early = await setting.predict(), setting.event().manifest.prediction_id
    assert status(await setting.give(known, truth=Truth(label="yes"))) == "ACCEPTED"
    assert status(await setting.give(early, truth=Truth(label="no"))) == "ACCEPTED_PENDING"
    found = await truths(setting)
    assert [(one.prediction_id, one.truth.label) for one in found] == [(known, "yes"), (early, "no")]
    assert all(one.feedback_id and one.observed_at.seconds and one.received_at.seconds for one in found)


async def test_the_same_truth_again_changes_nothing(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.give(prediction, truth=Truth(label="yes"), observed_at=at(5))
    again = await setting.give(prediction, truth=Truth(label="yes"), observed_at=at(5))
    earlier = await setting.give(prediction, truth=Truth(label="no"), observed_at=at(3))
    assert (status(again), status(earlier)) == ("DUPLICATE", "SUPERSEDED")
    assert len(await truths(setting)) == 1


@pytest.mark.parametrize("named", [{"feedback_id": "t1"}, {}], ids=["by its id", "by its content"])
async def test_a_retry_does_not_undo_a_later_correction(setting: Setting, named: dict[str, str]) -> None:
    """None of them says when it was observed, so each is observed when it comes in."""
    prediction = await setting.predict()
    first = {"truth": Truth(label="yes"), **named}
    assert status(await setting.give(prediction, **first)) == "ACCEPTED"
    assert status(await setting.give(prediction, truth=Truth(label="no"))) == "CORRECTED"
    for _ in range(2):
        assert status(await setting.give(prediction, **first)) == "DUPLICATE"
    assert [entry.truth.label for entry in await truths(setting)] == ["yes", "no"]
    again = await setting.give(prediction, truth=Truth(label="yes"), feedback_id="second thoughts")
    assert status(again) == "CORRECTED"


async def test_past_the_default_horizon_everything_is_expired(setting: Setting) -> None:
    prediction = setting.event().manifest.prediction_id
    setting.late = 30 * 86_400.0
    assert status(await setting.give(prediction, reward=1)) == "EXPIRED"
    assert status(await setting.give(prediction, truth=Truth(label="yes"))) == "EXPIRED"
    assert await untouched(setting)


async def test_a_router_may_have_a_shorter_horizon(setting: Setting) -> None:
    def forget(router: Router) -> None:
        router.log.retention.CopyFrom(Duration(seconds=3600))

    await setting.create(forget, name="routers/forgetful")
    prediction = await setting.predict()
    setting.late = 3601.0
    assert status(await setting.give(prediction, reward=1)) == "EXPIRED"
    assert status(await setting.give(prediction, truth=Truth(label="yes"))) == "EXPIRED"
    assert await untouched(setting)


async def test_a_failed_draw_earns_the_declared_reward_and_no_other(setting: Setting) -> None:
    def declare(router: Router) -> None:
        router.failure_reward = 0.25

    await setting.create(declare, name="routers/strict")
    failed = await setting.predict(outcome=manifest.OUTCOME_FAILED)
    for _ in range(2):
        assert status(await setting.give(failed, reward=1)) == "SUPERSEDED"
    arm = await setting.arm()
    assert (arm.rewards, arm.mean) == (1, 0.25)


async def test_a_deleted_routers_predictions_earn_nothing(setting: Setting) -> None:
    prediction = await setting.predict()
    await setting.routers.delete(setting.router.name)
    await setting.parts.follower.reconcile()
    with pytest.raises(RemoteError) as refused:
        await setting.give(prediction, reward=1)
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
    assert status(await setting.give(prediction, truth=Truth(label="yes"))) == "ACCEPTED"


async def test_a_full_store_of_early_feedback_says_when_to_come_again(setting: Setting) -> None:
    for _ in range(5):
        await setting.give(setting.event().manifest.prediction_id, reward=1)
    with pytest.raises(RemoteError) as refused:
        await setting.give(setting.event().manifest.prediction_id, reward=1)
    assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "STORE_FULL")
    assert refused.value.retry_after == 5
    assert await setting.connections.steady.hlen(keys.parked_items(setting.partition)) == 5


async def test_a_record_of_a_newer_version_is_not_half_read(setting: Setting) -> None:
    prediction = await setting.predict()
    redis: Any = setting.connections.steady
    (key,) = await redis.keys("*:records:*")
    blob = await redis.hget(key, prediction)
    await redis.hset(key, prediction, b"\x08\x63" + blob[2:])
    with pytest.raises(RemoteError) as refused:
        await setting.give(prediction, reward=1)
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "NEWER_FORMAT")


@pytest.mark.parametrize(
    ("outcome", "reason", "field", "said"),
    [
        ({"reward": 1.5}, "REWARD_OUT_OF_RANGE", "reward", "accuracy is within 0 and 1; got 1.5"),
        ({"reward": -0.1}, "REWARD_OUT_OF_RANGE", "reward", "accuracy is within 0 and 1; got -0.1"),
        ({"reward": math.nan}, "REWARD_OUT_OF_RANGE", "reward", "must be a finite number, got nan"),
        (
            {"metric": rpc.MetricValue(name="accuracy", value=2)},
            "REWARD_OUT_OF_RANGE",
            "metric.value",
            "accuracy is within 0 and 1; got 2",
        ),
        (
            {"metric": rpc.MetricValue(name="clicks", value=1)},
            "INVALID_ARGUMENT",
            "metric.name",
            "metric.name: 'clicks' is not a metric of routers/learner, which has accuracy",
        ),
        (
            {"metric": rpc.MetricValue(name="accuracy")},
            "INVALID_ARGUMENT",
            "metric.value",
            "metric.value is required: say 0 if it is 0",
        ),
        ({"reward": 1, "row": 1}, "INVALID_ARGUMENT", "row", "the prediction has rows 0 to 0, got 1"),
        (
            {"truth": Truth(label="yes"), "row": 7},
            "INVALID_ARGUMENT",
            "row",
            "the prediction has rows 0 to 0, got 7",
        ),
        (
            {"truth": Truth(number=1)},
            "INVALID_ARGUMENT",
            "truth",
            "the prediction is a class, so its truth is a label",
        ),
        ({"truth": Truth()}, "INVALID_ARGUMENT", "truth", "is required: one of label, number, text or json"),
        ({}, "INVALID_ARGUMENT", "outcome", "outcome: exactly one of reward, metric or truth is required"),
        ({"reward": 1, "row": -1}, "INVALID_ARGUMENT", "row", "must be 0 or more, got -1"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    setting: Setting, outcome: dict[str, Any], reason: str, field: str, said: str
) -> None:
    prediction = await setting.predict()
    with pytest.raises(RemoteError) as refused:
        await setting.give(prediction, **outcome)
    error = refused.value
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", reason)
    assert error.fields[0].field == field
    assert said in error.message
    assert await untouched(setting)


@pytest.mark.parametrize("wrong", ["", "prediction-1", "018BCFE5-69F4-7000-8591-BC64F6D89C7C"])
async def test_an_id_that_is_none_is_refused(setting: Setting, wrong: str) -> None:
    with pytest.raises(RemoteError) as refused:
        await setting.give(wrong, reward=1)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.value.fields[0].field == "prediction_id"
    assert await untouched(setting)


@pytest.mark.parametrize("mode", [manifest.DECISION_MODE_PINNED, manifest.DECISION_MODE_DEFAULT])
async def test_what_was_not_drawn_earns_no_reward(setting: Setting, mode: manifest.DecisionMode) -> None:
    pinned = await setting.predict(mode=mode)
    with pytest.raises(RemoteError) as refused:
        await setting.give(pinned, reward=1)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.value.fields[0].field == "prediction_id"
    assert "no variant was drawn" in refused.value.message
    assert await untouched(setting)


async def test_a_jury_earns_no_reward_but_takes_truth(setting: Setting) -> None:
    event = recorded.jury(setting.event().manifest.prediction_id, {"a": "yes"}, setting.router.uid)
    await setting.record(event)
    with pytest.raises(RemoteError, match="no variant was drawn in this prediction \\(mode ENSEMBLE\\)"):
        await setting.give(event.manifest.prediction_id, reward=1)
    assert status(await setting.give(event.manifest.prediction_id, truth=Truth(label="yes"))) == "ACCEPTED"
