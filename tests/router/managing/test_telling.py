"""Feedback that is handed on: the feedback service's own words come back, and its absence is said plainly."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.errors import RemoteError
from services.router.managing.telling import answered, handed_on
from services.state.connection import Connections
from tests.feedback.conftest import Setting, served
from tests.router.conftest import Desk, doctors, running_router


@pytest.fixture
async def told(
    connections: Connections, redis_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Desk, Setting]]:
    """A router beside a feedback service, and the hands of drift."""
    async with (
        served(connections) as setting,
        running_router(redis_url, tmp_path, feedback=setting.client.target) as desk,
    ):
        yield desk, setting


async def record(desk: Desk, **fields: Any) -> Any:
    return await desk.call("RouterService/RecordFeedback", rpc.RecordFeedbackRequest(**fields))


async def test_feedback_is_accepted_once_and_named_shortly(told: tuple[Desk, Setting]) -> None:
    desk, setting = told
    prediction = await setting.predict("a", "yes")
    first = await record(desk, prediction_id=prediction, reward=0.5, feedback_id="f1")
    again = await record(desk, prediction_id=prediction, reward=0.5, feedback_id="f1")
    assert (first.status, first.feedback_id) == ("ACCEPTED", "f1")
    assert (first.router, first.variant) == (setting.router.name, "a")
    assert first.durability
    assert again.status == "DUPLICATE"
    assert (await setting.arm("a")).rewards == 1


async def test_truth_and_metrics_arrive_whole(told: tuple[Desk, Setting]) -> None:
    desk, setting = told
    prediction = await setting.predict("a", "yes")
    status = (await record(desk, prediction_id=prediction, truth=Truth(label="yes"))).status
    assert status == "ACCEPTED"
    metric = rpc.NamedMetric(name="accuracy", value=0.25)
    assert (await record(desk, prediction_id=prediction, metric=metric)).status == "ACCEPTED"
    assert (await setting.arm("a")).mean == 0.25


async def test_keys_of_the_callers_own_lead_to_the_prediction(told: tuple[Desk, Setting]) -> None:
    desk, setting = told
    event = setting.event("a", "yes")
    event.external_id, event.entity_id = "order-1", "customer-1"
    await setting.record(event)
    name = setting.router.name
    first = await record(desk, router=name, external_id="order-1", reward=1.0, feedback_id="f1")
    assert (first.status, first.prediction_id) == ("ACCEPTED", event.manifest.prediction_id)
    late = {"event_time": event.time, "entity_id": "customer-1"}
    setting.late = 10.0
    again = await record(desk, router=name, reward=1.0, feedback_id="f1", **late)
    assert (again.status, again.prediction_id) == ("DUPLICATE", event.manifest.prediction_id)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"prediction_id": "no id", "reward": 1.0}, "INVALID_ARGUMENT", "prediction_id"),
        ({"reward": 7.0}, "REWARD_OUT_OF_RANGE", "reward"),
        ({"reward": 1.0, "row": 3}, "INVALID_ARGUMENT", "row"),
        ({}, "INVALID_ARGUMENT", "outcome"),
    ],
)
async def test_what_is_wrong_is_said_in_the_same_words(
    told: tuple[Desk, Setting], fields: dict[str, Any], reason: str, field: str
) -> None:
    desk, setting = told
    whole = {"prediction_id": await setting.predict("a", "yes")} | fields
    with pytest.raises(RemoteError) as here:
        await record(desk, **whole)
    with pytest.raises(RemoteError) as there:
        await setting.ask("RecordFeedback", feedback.RecordFeedbackRequest(**whole))
    assert (here.value.code, here.value.reason, here.value.message) == (
        there.value.code,
        there.value.reason,
        there.value.message,
    )
    assert reason == here.value.reason
    assert [one.field for one in here.value.fields] == [field]


async def test_without_the_feedback_service_it_is_worth_trying_again(
    connections: Connections, redis_url: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    where = f"127.0.0.1:{unused_tcp_port}"
    async with running_router(redis_url, tmp_path, feedback=where) as desk:
        await desk.seat("cancer-bayes", "cancer-stump")
        await desk.deploy("cancer", doctors())
        prediction = (await desk.predict("cancer")).prediction_id
        with pytest.raises(RemoteError) as caught:
            await record(desk, prediction_id=prediction, reward=1.0)
        assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
        assert caught.value.retry_after
        assert "feedback service" in caught.value.message


def test_every_field_is_handed_on() -> None:
    """A field that one of the two messages grows must not be lost on the way."""
    request = rpc.RecordFeedbackRequest(prediction_id="p", row=3, feedback_id="f")
    request.observed_at.FromSeconds(5)
    request.metric.name, request.metric.value = "revenue", 2.5
    made = handed_on(request)
    outcomes = {"reward", "truth"}
    assert {field.name for field in request.DESCRIPTOR.fields} == {
        field.name for field in made.DESCRIPTOR.fields
    }
    for field in request.DESCRIPTOR.fields:
        if field.name not in outcomes:
            assert str(getattr(made, field.name)) == str(getattr(request, field.name))
    whole = {field.name: "x" for field in feedback.RecordFeedbackResponse.DESCRIPTOR.fields[1:]}
    reply = answered(feedback.RecordFeedbackResponse(status=1, **whole))  # type: ignore[arg-type]
    assert all(getattr(reply, name) == "x" for name in whole)
