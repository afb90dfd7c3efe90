"""Feedback that cannot be taken: clearly refused, kept whole or not at all, and counted once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import Truth

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis
from tests.feedback.conftest import SERVICE, Setting, served
from tests.waiting import eventually

KINDS: dict[str, dict[str, Any]] = {
    "a reward": {"reward": 1.0},
    "a metric": {"metric": rpc.MetricValue(name="accuracy", value=1.0)},
    "a truth": {"truth": Truth(label="yes")},
}
OTHER: dict[str, Any] = {
    "reward": 0.999,
    "metric": rpc.MetricValue(name="accuracy", value=0.999),
    "truth": Truth(label="no"),
}
OBSERVED = Timestamp(seconds=1_700_000_000)


def status(reply: rpc.RecordFeedbackResponse) -> str:
    return rpc.FeedbackStatus.Name(reply.status).removeprefix("FEEDBACK_STATUS_")


async def kept(setting: Setting) -> dict[bytes, bytes]:
    """Everything in Redis, byte by byte."""
    redis: Any = setting.connections.steady
    return {key: await redis.dump(key) for key in await redis.keys("*")}


@asynccontextmanager
async def alone(redis_server: EmbeddedRedis) -> AsyncIterator[Setting]:
    """A service on a Redis of its own, asked by a client that sends nothing twice."""
    async with connect(redis_server.url, hot_seconds=1.0) as connections, served(connections) as setting:
        await setting.client.close()
        setting.client = Client(setting.client.target, unretried=[SERVICE])
        yield setting


@pytest.mark.parametrize("given", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "before its record"])
async def test_without_redis_it_is_refused_and_nothing_of_it_is_kept(
    redis_server: EmbeddedRedis, given: dict[str, Any], recorded: bool
) -> None:
    async with alone(redis_server) as setting:
        prediction = await setting.predict() if recorded else setting.event().manifest.prediction_id
        before = await kept(setting)
        await redis_server.kill()
        with pytest.raises(RemoteError) as caught:
            await setting.give(prediction, **given)
        error = caught.value
        assert (error.code, error.reason) == ("UNAVAILABLE", "STATE_UNAVAILABLE")
        assert (error.message, error.fields) == ("the state store cannot be reached now", ())
        assert error.retry_after == 1.0
        await redis_server.start()
        await eventually(lambda: _answers(setting))
        assert await kept(setting) == before
        reply = await setting.give(prediction, observed_at=OBSERVED, **given)
        assert status(reply) == ("ACCEPTED" if recorded else "ACCEPTED_PENDING")
        again = await setting.give(prediction, observed_at=OBSERVED, **given)
        assert status(again) == "DUPLICATE"


async def test_what_redis_did_without_being_able_to_say_so_counts_once_when_it_is_said_again(
    redis_server: EmbeddedRedis,
) -> None:
    """In flight: the script is on its way when Redis stops, and runs once Redis goes on."""
    async with alone(redis_server) as setting:
        prediction = await setting.predict()
        sent = asyncio.create_task(setting.give(prediction, reward=1.0))
        redis_server.signal(signal.SIGSTOP)
        try:
            (outcome,) = await asyncio.gather(sent, return_exceptions=True)
        finally:
            redis_server.signal(signal.SIGCONT)
        assert isinstance(outcome, RemoteError)
        assert outcome.reason == "STATE_UNAVAILABLE"
        await eventually(lambda: _answers(setting))
        reply = await setting.give(prediction, reward=1.0)
        assert status(reply) in ("ACCEPTED", "DUPLICATE")
        arm = await setting.arm()
        assert (arm.rewards, arm.mean) == (1, 1.0)


async def _answers(setting: Setting) -> bool:
    try:
        return bool(await setting.rewards())
    except RemoteError:
        return False


@pytest.mark.parametrize("given", KINDS.values(), ids=KINDS)
async def test_the_same_feedback_again_answers_the_same_id_and_has_one_effect(
    setting: Setting, given: dict[str, Any]
) -> None:
    prediction = await setting.predict()
    first = await setting.give(prediction, feedback_id="mine", observed_at=OBSERVED, **given)
    assert (status(first), first.feedback_id) == ("ACCEPTED", "mine")
    before = await kept(setting)
    for _ in range(2):
        again = await setting.give(prediction, feedback_id="mine", observed_at=OBSERVED, **given)
        assert (status(again), again.feedback_id) == ("DUPLICATE", "mine")
        assert (again.router, again.variant) == (first.router, first.variant)
        assert await kept(setting) == before


async def test_sent_many_times_at_once_it_counts_once(setting: Setting) -> None:
    prediction = await setting.predict()
    replies = await asyncio.gather(
        *(setting.give(prediction, feedback_id="mine", reward=1.0) for _ in range(8))
    )
    assert sorted(status(reply) for reply in replies) == ["ACCEPTED"] + ["DUPLICATE"] * 7
    assert (await setting.arm()).rewards == 1


@pytest.mark.parametrize("given", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "before its record"])
async def test_an_id_that_came_with_other_content_is_refused_and_nothing_changes(
    setting: Setting, given: dict[str, Any], recorded: bool
) -> None:
    """Silence would tell the reporter that his correction counts."""
    prediction = await setting.predict() if recorded else setting.event().manifest.prediction_id
    await setting.give(prediction, feedback_id="mine", observed_at=OBSERVED, **given)
    before = await kept(setting)
    then = Timestamp(seconds=OBSERVED.seconds + 5)
    (kind,) = given
    with pytest.raises(RemoteError) as caught:
        await setting.give(prediction, feedback_id="mine", observed_at=then, **{kind: OTHER[kind]})
    error = caught.value
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert [one.field for one in error.fields] == ["feedback_id"]
    assert "feedback_id mine came before with other content" in error.message
    assert await kept(setting) == before
    again = await setting.give(prediction, feedback_id="mine", observed_at=then, **given)
    assert status(again) == "DUPLICATE"
    corrected = await setting.give(prediction, feedback_id="other", observed_at=then, **{kind: OTHER[kind]})
    assert status(corrected) in ("CORRECTED", "ACCEPTED_PENDING")


async def test_of_a_drawn_variant_that_failed_no_id_is_refused(setting: Setting) -> None:
    """What holds there is a rule's verdict, whatever is reported and however the rule changes."""
    failed = await setting.predict(outcome=manifest.OUTCOME_FAILED)
    for value in (1.0, 0.5):
        assert status(await setting.give(failed, feedback_id="mine", reward=value)) == "SUPERSEDED"
    await setting.routers.update(setting.router.name, lambda stored: setattr(stored, "failure_reward", 0.25))
    await setting.parts.follower.reconcile()
    assert status(await setting.give(failed, feedback_id="mine", reward=1.0)) == "SUPERSEDED"
    assert ((await setting.arm()).rewards, (await setting.arm()).mean) == (1, 0)


async def test_the_rewards_of_an_unknown_router_are_not_found(setting: Setting) -> None:
    before = await kept(setting)
    with pytest.raises(RemoteError) as caught:
        await setting.ask("GetRewards", rpc.GetRewardsRequest(router="nobody"))
    error = caught.value
    assert (error.code, error.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")
    assert (error.message, [one.field for one in error.fields]) == ("there is no routers/nobody", ["router"])
    assert await kept(setting) == before
    assert (await setting.rewards()).router == setting.router.name
