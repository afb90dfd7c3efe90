"""A model that refuses its input tells of a caller's mistake: whatever the way, the caller hears so."""

import struct
from typing import Any

import pytest
from google.rpc.code_pb2 import INVALID_ARGUMENT
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.classifier import BadRequest
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.router.execution.tails import LEAST_SAMPLES
from tests.models.chat_server import chat_server
from tests.router.conftest import Desk
from tests.router.deciding.test_juries import patient
from tests.router.execution.acting import DRAWN, NEXT, Log, falling, question, told, ward
from tests.router.execution.test_hedging import falling_hedged
from tests.router.execution.test_panels import MEMBERS, jury
from tests.waiting import eventually

WORDS = "told to fail"
REFUSED = ("INVALID_ARGUMENT", "INPUT_REFUSED")


async def refused(desk: Desk, router: str = "cancer", row: dict[str, Any] | None = None) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await desk.predict(router, row)
    return caught.value


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "OUT_OF_RANGE"])
@pytest.mark.parametrize("router", [ward(), falling()], ids=["alone", "with a fallback"])
async def test_a_refusal_is_the_callers_mistake_in_the_models_words(
    desk: Desk, log: Log, code: str, router: Router
) -> None:
    await desk.deploy("cancer", router)
    desk.servers[DRAWN].faults.set("fail", code=code)
    error = await refused(desk)
    assert (error.code, error.reason) == REFUSED
    assert error.message.startswith(f"input: models/{DRAWN} refuses it: {WORDS} (prediction ")
    assert error.fields == (("input", f"models/{DRAWN} refuses it: {WORDS}"),)
    assert (error.facts["model"], error.facts["model_code"]) == (f"models/{DRAWN}", code)
    (event,) = await log.predictions()
    assert event.error_code == "INVALID_ARGUMENT"
    assert event.manifest.prediction_id == error.facts["prediction_id"]
    (participant,) = event.manifest.participants
    assert (participant.error_code, participant.excused) == (code, True)
    # It says nothing against the model, and nobody is asked twice.
    assert (desk.servers[DRAWN].calls, desk.servers[NEXT].calls) == (1, 0)


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"])
async def test_what_the_caller_cannot_mend_is_the_models_failure(desk: Desk, code: str) -> None:
    await desk.deploy("cancer", ward())
    desk.servers[DRAWN].faults.set("fail", code=code)
    error = await refused(desk)
    assert (error.code, error.reason) == ("UNAVAILABLE", "MODEL_FAILED")


async def test_a_number_that_is_none_is_refused_in_a_tensor(desk: Desk) -> None:
    """Tensors go over as they are: what is in them, the model sees first."""
    await desk.deploy("cancer", ward())
    request = rpc.PredictRequest(router="cancer")
    request.input.tensors.tensors.add(name="input", datatype="FP64", shape=[1, 2])
    request.input.tensors.raw_contents.append(struct.pack("<2d", 14.2, float("nan")))
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", request)
    assert (caught.value.code, caught.value.reason) == REFUSED
    assert "finite numbers expected" in caught.value.message


async def test_where_one_failed_and_another_refused_it_is_no_mistake_of_the_callers(desk: Desk) -> None:
    await desk.deploy("cancer", falling())
    desk.servers[DRAWN].faults.set("fail", code="INTERNAL")
    desk.servers[NEXT].faults.set("fail", code="INVALID_ARGUMENT")
    error = await refused(desk)
    assert (error.reason, error.facts["model"]) == ("MODEL_FAILED", f"models/{DRAWN}")


async def test_nor_is_it_where_who_refused_was_raced_by_one_that_failed(
    desk: Desk, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(request: ModelInferRequest) -> ModelInferResponse:
        await eventually(lambda: desk.servers[NEXT].calls == 1)
        raise BadRequest("not this one")

    await desk.deploy("cancer", falling_hedged())
    for _ in range(LEAST_SAMPLES):
        await desk.predict("cancer")
    monkeypatch.setattr(desk.servers[DRAWN].model, "infer", refuse)
    desk.servers[NEXT].faults.set("fail", code="INTERNAL")
    error = await refused(desk)
    assert (error.reason, error.facts["model"]) == ("MODEL_FAILED", f"models/{NEXT}")
    event = (await log.predictions(LEAST_SAMPLES + 1))[-1]
    assert told(event.manifest.participants) == [(DRAWN, "PRIMARY", "FAILED"), (NEXT, "HEDGE", "FAILED")]


async def test_items_of_a_batch_are_refused_one_by_one(desk: Desk) -> None:
    await desk.deploy("cancer", ward())
    desk.servers[DRAWN].faults.set("fail", code="INVALID_ARGUMENT")
    asked = rpc.BatchPredictRequest(requests=[question("cancer"), question("cancer", variant=NEXT)])
    first, second = (await desk.call("InferenceService/BatchPredict", asked)).items
    assert first.status.code == INVALID_ARGUMENT
    assert first.status.message.startswith(f"input: models/{DRAWN} refuses it")
    assert second.response.output.classification.label


async def test_a_conversation_too_long_is_the_callers_streamed_or_not(desk: Desk) -> None:
    async with chat_server() as server:
        server.answering({"error": {"message": "5000 tokens, 4096 at most"}}, status=400)
        model = Model(name="writer", protocol=PROTOCOL_OPENAI_CHAT, endpoints=[{"address": server.url}])
        await desk.register(model)
        await desk.deploy("talk", Router(variants=[{"id": one, "model": "writer"} for one in ("one", "two")]))
        asked = rpc.PredictRequest(router="talk", input={"text": "Hello"})
        streamed = rpc.StreamPredictRequest(router="talk", request={"input": {"text": "Hello"}})
        client = Client(desk.address)
        stream = client.stream("turnout.router.v1.InferenceService", "StreamPredict")
        with pytest.raises(RemoteError) as whole:
            await desk.call("InferenceService/Predict", asked)
        with pytest.raises(RemoteError) as pieces:
            await anext(aiter(stream(streamed, timeout=20)))
        await client.close()
    for caught in (whole, pieces):
        assert (caught.value.code, caught.value.reason) == REFUSED
        assert "models/writer refuses it: HTTP 400: 5000 tokens, 4096 at most" in caught.value.message
    assert len(server.bodies) == 2


async def test_a_panel_that_refuses_as_one_says_so_too(panel: Desk, log: Log) -> None:
    await panel.deploy("ward", jury())
    for name in MEMBERS:
        panel.servers[name].faults.set("fail", code="INVALID_ARGUMENT")
    error = await refused(panel, "ward", patient())
    assert (error.code, error.reason) == REFUSED
    assert error.fields[0].field == "input"
    # Two who refuse leave too few, and the third may be called off.
    assert sum(f"{name}: {WORDS}" in error.message for name in MEMBERS) >= 2
    (event,) = await log.predictions()
    assert event.error_code == "INVALID_ARGUMENT"
    assert {one.excused for one in event.manifest.participants if one.error_code == "INVALID_ARGUMENT"} == {
        True
    }


async def test_a_panel_whose_members_failed_has_no_quorum_though_one_refused(panel: Desk) -> None:
    await panel.deploy("ward", jury())
    panel.servers[MEMBERS[0]].faults.set("fail", code="INVALID_ARGUMENT")
    panel.servers[MEMBERS[1]].faults.set("fail", code="INTERNAL")
    error = await refused(panel, "ward", patient())
    assert (error.code, error.reason) == ("UNAVAILABLE", "QUORUM_NOT_MET")
