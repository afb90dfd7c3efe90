"""Feedback whose reporter knows no prediction id: by a key of the caller's own, or an entity and a time."""

import time
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.router.v1.router_pb2 import REDACTION_HASHED, Router

from services.foundation.errors import RemoteError
from services.state.attribution import (
    ENTITY,
    EXTERNAL,
    MOST_OF_ENTITY,
    MOST_OF_EXTERNAL,
    AttributionIndex,
    Sought,
    key_of,
)
from services.state.parked import LIFETIME_SECONDS
from tests.feedback.conftest import Setting
from tests.feedback.test_bad_input import kept, status
from tests.feedback.test_waiting import sweeper


def keyed(setting: Setting, variant: str = "a", **keys: str) -> PredictionEvent:
    event = setting.event(variant)
    for name, value in keys.items():
        setattr(event, name, value)
    return event


async def give(setting: Setting, **fields: Any) -> rpc.RecordFeedbackResponse:
    reply: rpc.RecordFeedbackResponse = await setting.ask(
        "RecordFeedback", rpc.RecordFeedbackRequest(**{"router": setting.router.name} | fields)
    )
    return reply


async def refused(setting: Setting, **fields: Any) -> RemoteError:
    """The refusal; nothing of it is kept."""
    before = await kept(setting)
    with pytest.raises(RemoteError) as caught:
        await give(setting, **fields)
    assert await kept(setting) == before
    return caught.value


def at(seconds: float) -> Timestamp:
    made = Timestamp()
    made.FromNanoseconds(int(seconds * 1e9))
    return made


@pytest.mark.parametrize(
    "outcome", [{"reward": 1.0}, {"truth": Truth(label="yes")}], ids=["a reward", "a truth"]
)
async def test_an_external_id_leads_to_its_prediction(setting: Setting, outcome: dict[str, Any]) -> None:
    event = keyed(setting, external_id="order-7")
    await setting.record(event, keyed(setting, external_id="order-8"))
    first = await give(setting, external_id="order-7", feedback_id="f", **outcome)
    assert (status(first), first.prediction_id) == ("ACCEPTED", event.manifest.prediction_id)
    assert (first.router, first.variant) == (setting.router.name, "a")
    again = await give(setting, external_id="order-7", feedback_id="f", **outcome)
    assert status(again) == "DUPLICATE"
    by_id = await setting.give(event.manifest.prediction_id, feedback_id="f", **outcome)
    assert status(by_id) == "DUPLICATE"


async def test_of_an_entity_the_newest_prediction_until_the_time_is_meant(setting: Setting) -> None:
    events = [keyed(setting, entity_id="c1"), keyed(setting, entity_id="c2"), keyed(setting, entity_id="c1")]
    for number, event in enumerate(events):
        event.event_time.CopyFrom(at(time.time() - 100 + 10 * number))
    # Redelivered and out of order: the same index.
    await setting.record(events[2], events[0])
    await setting.record(*events)
    first, _, last = (event.manifest.prediction_id for event in events)
    exactly = events[0].event_time
    assert (await give(setting, entity_id="c1", event_time=exactly, reward=1.0)).prediction_id == first
    assert (
        await give(setting, entity_id="c1", event_time=at(time.time() - 6), reward=1)
    ).prediction_id == last
    before = await refused(
        setting, entity_id="c1", event_time=at(time.time() - LIFETIME_SECONDS - 9), reward=1.0
    )
    assert (before.code, before.reason) == ("NOT_FOUND", "PREDICTION_NOT_FOUND")
    assert before.message == (
        f"there is no record of a prediction of {setting.router.name} with entity_id c1, or not yet"
    )


async def test_a_key_of_several_predictions_is_not_guessed_at(setting: Setting) -> None:
    """A caller that asks again after a timeout: one of the two would be credited, or both, one after the
    other."""
    one, other = keyed(setting, external_id="order-7"), keyed(setting, external_id="order-7")
    await setting.record(one, other)
    wrong = await refused(setting, external_id="order-7", reward=1.0)
    assert (wrong.code, wrong.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert [field.field for field in wrong.fields] == ["external_id"]
    assert f"stands for several predictions of {setting.router.name}" in wrong.message
    assert other.manifest.prediction_id in wrong.message
    setting.late = 10.0
    told = await give(setting, external_id="order-7", event_time=other.time, reward=1.0)
    assert told.prediction_id == other.manifest.prediction_id


async def test_before_its_record_it_waits_and_counts_once(setting: Setting) -> None:
    event = keyed(setting, external_id="order-7", entity_id="c1")
    young = at(time.time())
    for key in ({"external_id": "order-7"}, {"entity_id": "c1", "event_time": young}):
        assert status(await give(setting, reward=1.0, feedback_id="f", **key)) == "ACCEPTED_PENDING"
        assert status(await give(setting, reward=1.0, feedback_id="f", **key)) == "DUPLICATE"
    await setting.record(event)
    setting.late = 30.0
    await sweeper(setting).sweep(setting.partition)
    assert (await setting.arm("a")).rewards == 1
    assert status(await give(setting, external_id="order-7", reward=1.0, feedback_id="f")) == "DUPLICATE"


async def test_a_key_is_its_routers_own(setting: Setting) -> None:
    mine = keyed(setting, external_id="order-7")
    await setting.record(mine)
    first = setting.router.name
    await setting.create(lambda made: setattr(made, "name", "routers/other"))
    assert status(await give(setting, external_id="order-7", reward=1.0)) == "ACCEPTED_PENDING"
    assert status(await give(setting, router=first, external_id="order-7", reward=1.0)) == "ACCEPTED"
    foreign = await refused(setting, prediction_id=mine.manifest.prediction_id, reward=1.0)
    assert (foreign.code, [field.field for field in foreign.fields]) == ("INVALID_ARGUMENT", ["router"])
    assert foreign.message == (
        "router: the prediction is not of routers/other: leave router out, or name the one that made it"
    )


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"external_id": "x", "router": ""}, "router", "is required with external_id"),
        ({"entity_id": "x"}, "event_time", "is required with entity_id"),
        ({"external_id": "x", "entity_id": "y"}, "entity_id", "goes without external_id"),
        ({"external_id": "x" * 257}, "external_id", "at most 256 characters"),
        ({}, "prediction_id", "is required"),
        ({"external_id": "x", "row": -1}, "row", "must be 0 or more"),
        ({"external_id": "x", "event_time": Timestamp(seconds=4_000_000_000)}, "event_time", "a day ahead"),
    ],
)
async def test_keys_that_cannot_be_are_named(
    setting: Setting, fields: dict[str, Any], field: str, said: str
) -> None:
    wrong = await refused(setting, reward=1.0, **fields)
    assert (wrong.code, wrong.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert (wrong.fields[0].field, said in wrong.message) == (field, True)


async def test_keys_that_the_router_does_not_log_are_refused(setting: Setting) -> None:
    def redacted(made: Router) -> None:
        made.name = "routers/discreet"
        made.log.redact["external_id"] = REDACTION_HASHED

    await setting.create(redacted)
    wrong = await refused(setting, external_id="order-7", reward=1.0)
    assert wrong.message == (
        "external_id: routers/discreet does not log it (log.redact), so it leads nowhere; give prediction_id"
    )


async def test_a_router_that_is_gone_is_not_found(setting: Setting) -> None:
    wrong = await refused(setting, router="routers/nobody", external_id="x", reward=1.0)
    assert (wrong.code, wrong.reason) == ("NOT_FOUND", "ROUTER_NOT_FOUND")


async def test_the_index_is_bounded_and_expires(setting: Setting) -> None:
    events = [keyed(setting, external_id="order", entity_id="c1") for _ in range(MOST_OF_ENTITY + 5)]
    await setting.record(*events)
    redis, uid = setting.connections.steady, setting.router.uid
    assert await redis.zcard(key_of(uid, EXTERNAL, "order")) == MOST_OF_EXTERNAL
    assert await redis.zcard(key_of(uid, ENTITY, "c1")) == MOST_OF_ENTITY
    assert 29 * 86_400 < await redis.ttl(key_of(uid, ENTITY, "c1")) <= 31 * 86_400
    # A label of an entity in a listpack: some 60 bytes each, and the key.
    assert (await redis.memory_usage(key_of(uid, ENTITY, "c1")) or 0) < 70 * MOST_OF_ENTITY
    (newest,) = await AttributionIndex(setting.connections).find([Sought(uid, ENTITY, "c1")])
    assert newest == [event.manifest.prediction_id for event in (events[-1], events[-2])]
