"""Failures that say nothing of a model are logged as such: health and learners go by one rule."""

from typing import Any

import pytest
from turnout.inference.v1.manifest_pb2 import Participant
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.feedback.wire.records import drawn_failed
from tests.router.conftest import Desk, doctors
from tests.router.execution.acting import Log, question

ARMS = ("cancer-bayes", "cancer-stump")


async def failed(
    desk: Desk, log: Log, mode: str, *, within: float = 20.0, router: Router | None = None, **how: Any
) -> Participant:
    """The attempt of a bandit's prediction whose arms do what `mode` says, and whether feedback agrees."""
    await desk.deploy("learner", router or doctors(bandit={}))
    for name in ARMS:
        desk.servers[name].faults.set(mode, **how)
    # Of a batch's time a part is kept back: the model's ends before the caller's.
    asked = rpc.BatchPredictRequest(requests=[question("learner")])
    (item,) = (await desk.call("InferenceService/BatchPredict", asked, within=within)).items
    assert item.status.code
    (event,) = await log.predictions()
    (attempt,) = event.manifest.participants
    assert drawn_failed(event) == (not attempt.excused)
    return attempt


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "OUT_OF_RANGE"])
async def test_what_the_caller_got_wrong_is_no_failure_of_the_arm(desk: Desk, log: Log, code: str) -> None:
    assert (await failed(desk, log, "fail", code=code)).excused


async def test_nor_is_a_deadline_that_passed_before_the_model_had_its_time(desk: Desk, log: Log) -> None:
    attempt = await failed(desk, log, "hang", within=2.0)
    assert (attempt.error_code, attempt.excused) == ("DEADLINE_EXCEEDED", True)


@pytest.mark.parametrize("code", ["INTERNAL", "UNAVAILABLE", "PERMISSION_DENIED"])
async def test_what_the_model_got_wrong_is(desk: Desk, log: Log, code: str) -> None:
    assert not (await failed(desk, log, "fail", code=code)).excused


async def test_and_so_is_silence_for_all_the_time_that_the_model_is_given(desk: Desk, log: Log) -> None:
    for name in ARMS:
        model = registration(name, desk.servers[name].address)
        model.name, model.served_name = f"models/brief-{name}", name
        await desk.register(model, patience=0.2)
    variants = [{"model": f"brief-{name}"} for name in ARMS]
    attempt = await failed(desk, log, "hang", router=Router(variants=variants, bandit={}))
    assert (attempt.error_code, attempt.excused) == ("DEADLINE_EXCEEDED", False)
