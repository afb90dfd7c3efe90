"""What a router refuses, on both sides of each limit, and models that answer nonsense."""

import asyncio
import math
import struct
from typing import Any

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.router.v1 import inference_service_pb2 as rpc

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from tests.fleet import scripted_model
from tests.router.conftest import Desk
from tests.router.execution.acting import DRAWN, NEXT, Log, question, told, ward
from tests.waiting import eventually


async def refused(desk: Desk, request: rpc.PredictRequest) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", request)
    return caught.value


async def test_an_input_of_as_many_bytes_as_allowed_passes_and_one_more_does_not(desk: Desk) -> None:
    request = question("cancer")
    size = request.input.ByteSize()
    await desk.deploy("cancer", ward(limits={"max_input_bytes": size}))
    await desk.call("InferenceService/Predict", request)
    request.input.row["more"] = 1.0
    error = await refused(desk, request)
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert [one.field for one in error.fields] == ["input"]
    assert error.facts["limit"] == str(size)
    # The same one will never fit: nobody is told to come back with it.
    assert error.retry_after is None


def rows(count: int) -> rpc.PredictRequest:
    request = rpc.PredictRequest(router="cancer")
    request.input.tensors.tensors.add(name="input", datatype="FP64", shape=[count, 2])
    request.input.tensors.raw_contents.append(struct.pack(f"<{2 * count}d", *[14.0] * (2 * count)))
    return request


async def test_as_many_rows_as_allowed_pass_and_one_more_does_not(desk: Desk) -> None:
    await desk.deploy("cancer", ward(limits={"max_rows": 3}))
    reply = await desk.call("InferenceService/Predict", rows(3))
    assert len(reply.output.classification.rows) == 3
    error = await refused(desk, rows(4))
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert (error.facts["rows"], error.facts["limit"]) == ("4", "3")


async def test_as_many_predictions_as_allowed_are_in_flight_and_no_more(desk: Desk) -> None:
    await desk.deploy("cancer", ward(limits={"max_concurrency": 2}))
    server = desk.servers[DRAWN]
    server.faults.set("hang")
    waiting = [asyncio.ensure_future(desk.predict("cancer")) for _ in range(2)]
    await eventually(lambda: server.in_flight == 2)
    error = await refused(desk, question("cancer"))
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS")
    assert error.retry_after is not None
    assert error.retry_after > 0
    assert server.calls == 2
    server.faults.set("ok")
    await asyncio.gather(*waiting)
    assert told((await desk.predict("cancer")).manifest.participants) == [(DRAWN, "PRIMARY", "SERVED")]


def reply_of(name: str, shape: list[int], raw: bytes) -> ModelInferResponse:
    reply = ModelInferResponse(model_name=name)
    reply.outputs.add(name="predict", datatype="BYTES", shape=[1])
    reply.raw_output_contents.append(b"\x06\0\0\0benign")
    reply.outputs.add(name="predict_proba", datatype="FP64", shape=shape)
    reply.raw_output_contents.append(raw)
    return reply


@pytest.mark.parametrize(
    ("shape", "raw", "why"),
    [
        ([1, 2], struct.pack("<2d", math.nan, 0.5), "probabilities"),
        ([1, 3], struct.pack("<3d", 0.2, 0.3, 0.5), "3 probabilities a row for 2 classes"),
        ([2, 2], struct.pack("<4d", 0.5, 0.5, 0.5, 0.5), "rows"),
        ([1, 2], bytes(100_000_000), ""),
    ],
    ids=["NaN", "wrong shape", "wrong rows", "100 MB"],
)
async def test_a_model_that_answers_nonsense_fails_with_a_reason_and_the_next_one_answers(
    desk: Desk, log: Log, shape: list[int], raw: bytes, why: str
) -> None:
    async def nonsense(request: ModelInferRequest) -> ModelInferResponse:
        return reply_of(request.model_name, shape, raw)

    async with scripted_model("odd", nonsense) as server:
        model: Any = registration(DRAWN, server.address)
        model.name, model.served_name = "models/odd", "odd"
        await desk.register(model)
        router = ward(fallback={"variants": [NEXT]})
        router.variants[0].model = "odd"
        await desk.deploy("cancer", router)
        reply = await desk.predict("cancer")
    first, _ = reply.manifest.participants
    assert told(reply.manifest.participants) == [("odd", "PRIMARY", "FAILED"), (NEXT, "FALLBACK", "SERVED")]
    assert why in first.error_message
    assert len(first.error_message) > 10
    # What it said is nowhere kept.
    (event,) = await log.predictions()
    assert event.ByteSize() < 10_000
