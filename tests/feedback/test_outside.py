"""Predictions that were made outside have no router: their truth measures their model, nobody is rewarded."""

import time

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth

from services.foundation.errors import RemoteError
from services.state import ids
from tests.feedback.conftest import Setting
from tests.feedback.recorded import prediction_id
from tests.feedback.test_measuring import metrics
from tests.waiting import eventually


async def outside(setting: Setting, number: int, label: str = "yes") -> PredictionEvent:
    """A prediction of model a that was logged by whoever made it, and did not say how long it took."""
    uid = (await setting.models.read("models/a")).uid
    setting.partition = ids.partition_for(uid)
    event = setting.event("a", label)
    event.router_uid = uid
    event.manifest.prediction_id = prediction_id(number, time.time(), setting.partition)
    event.manifest.router = ""
    event.manifest.ClearField("decision")
    for one in event.manifest.participants:
        one.variant = ""
        one.ClearField("latency")
    return event


async def _labels(setting: Setting, count: int) -> bool:
    return (await metrics(setting)).labels == count


async def test_their_truth_measures_their_model(setting: Setting) -> None:
    async with setting.background():
        made = [await outside(setting, number) for number in range(3)]
        await setting.record(*made)
        await setting.log(*made)
        for event, true in zip(made, ("yes", "yes", "no"), strict=True):
            await setting.give(event.manifest.prediction_id, truth=Truth(label=true))
        await eventually(lambda: _labels(setting, 3))
        found = await metrics(setting)
    assert found.accuracy == pytest.approx(2 / 3)
    # Nobody knows how long they took: they are no calls of no time.
    assert (found.requests, found.HasField("latency_p50_ms")) == (0, False)


async def test_nobody_is_rewarded_for_them(setting: Setting) -> None:
    async with setting.background():
        event = await outside(setting, 1)
        await setting.record(event)
        with pytest.raises(RemoteError, match="no router made this prediction"):
            await setting.give(event.manifest.prediction_id, reward=1.0)
