"""ModelStreamInfer over a real channel: Triton's form, and the bare one for those who ask for it."""

import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from inference import open_inference_pb2 as wire

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from tests.fleet import scripted_model
from tests.router.conftest import doctors
from tests.router.doors.conftest import ROW, SERVICE, Counter, asked
from tests.waiting import eventually


async def test_every_question_is_answered_in_its_order(counter: Counter) -> None:
    replies = await counter.stream([asked(id=str(number)) for number in range(100)])
    assert [reply.infer_response.id for reply in replies] == [str(number) for number in range(100)]
    assert {reply.error_message for reply in replies} == {""}
    predictions = {reply.infer_response.parameters["turnout_prediction_id"].string_param for reply in replies}
    assert len(predictions) == 100


async def test_a_failure_rides_in_the_stream_which_goes_on(counter: Counter) -> None:
    first, second, third = await counter.stream(
        [asked(id="1"), asked((1.0, 2.0, 3.0), id="2"), asked(id="3")]
    )
    assert not first.error_message
    assert "INVALID_ARGUMENT" in second.error_message
    assert "inputs[0].shape" in second.error_message
    assert (second.infer_response.id, second.infer_response.model_name) == ("2", "cancer")
    assert third.infer_response.outputs


async def test_a_failed_prediction_is_named_in_the_stream(counter: Counter) -> None:
    counter.desk.servers["cancer-bayes"].faults.set("fail", code="INTERNAL")
    (reply,) = await counter.stream([asked()])
    told = reply.infer_response.parameters["turnout_prediction_id"].string_param
    assert told in reply.error_message


async def test_a_reply_that_is_too_large_costs_itself_and_not_the_stream(counter: Counter) -> None:
    async def tell(request: wire.ModelInferRequest) -> wire.ModelInferResponse:
        reply = wire.ModelInferResponse()
        said = reply.outputs.add(name="said", datatype="BYTES", shape=[1])
        said.contents.bytes_contents.append(
            b"x" * (5_000_000 if request.raw_input_contents[0] == struct.pack("<2d", 1.0, 1.0) else 10)
        )
        return reply

    async with scripted_model("talker", tell) as server:
        model = registration("cancer-bayes", server.address)
        model.name, model.served_name = "models/talker", "talker"
        model.signature.ClearField("outputs")
        await counter.desk.register(model)
        router = doctors(weighted={})
        for number, variant in enumerate(router.variants):
            variant.model, variant.id = "talker", str(number)
        await counter.desk.deploy("talker", router)
        large, last = await counter.stream(
            [asked((1.0, 1.0), model="talker", id="1"), asked((2.0, 2.0), model="talker", id="2")]
        )
    assert large.error_message.startswith("RESOURCE_EXHAUSTED: ")
    made = large.infer_response.parameters["turnout_prediction_id"].string_param
    assert made
    assert made in large.error_message
    assert (large.infer_response.id, last.infer_response.id) == ("1", "2")
    assert last.infer_response.outputs


async def bare(counter: Counter, requests: list[wire.ModelInferRequest]) -> list[wire.ModelInferResponse]:
    """The stream as MLServer's clients read it."""
    async with grpc.aio.insecure_channel(counter.desk.address) as channel:
        open_stream: Any = channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer",
            wire.ModelInferRequest.SerializeToString,
            wire.ModelInferResponse.FromString,
        )
        stream = open_stream(iter(requests), timeout=20, metadata=[("x-turnout-stream", "bare")])
        return [reply async for reply in stream]


async def test_bare_replies_for_those_who_ask_for_them(counter: Counter) -> None:
    replies = await bare(counter, [asked(id="1"), asked(id="2")])
    assert [(reply.id, reply.model_name, reply.model_version) for reply in replies] == [
        ("1", "cancer", "1"),
        ("2", "cancer", "1"),
    ]


async def test_a_bare_stream_ends_with_its_first_failure(counter: Counter) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await bare(counter, [asked(id="1"), asked((1.0,), id="2"), asked(id="3")])
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "inputs[0].shape" in (refused.value.details() or "")


async def test_inferences_of_a_stream_run_side_by_side(counter: Counter) -> None:
    """The first one's answer comes when the last one has been asked: one after the other would never end."""
    waiting: list[int] = []

    async def together(_request: wire.ModelInferRequest) -> wire.ModelInferResponse:
        waiting.append(1)
        await eventually(lambda: len(waiting) == 5)
        reply = wire.ModelInferResponse()
        reply.outputs.add(name="predict", datatype="INT64", shape=[1]).contents.int64_contents.append(0)
        proba = reply.outputs.add(name="predict_proba", datatype="FP64", shape=[1, 2])
        proba.contents.fp64_contents.extend([0.5, 0.5])
        return reply

    async with scripted_model("together", together) as server:
        model = registration("cancer-bayes", server.address)
        model.name = "models/together"
        await counter.desk.register(model)
        router = doctors()
        for number, variant in enumerate(router.variants):
            variant.model, variant.id = "together", str(number)
        await counter.desk.deploy("together", router)
        replies = await counter.stream([asked(model="together", id=str(number)) for number in range(5)])
    assert [reply.infer_response.id for reply in replies] == list("01234")


async def test_a_drain_ends_streams_that_wait_for_questions(counter: Counter) -> None:
    asking = True

    async def questions() -> AsyncIterator[wire.ModelInferRequest]:
        yield asked(ROW)
        await eventually(lambda: not asking, within=60)

    replies = counter.open_stream(questions())
    assert (await anext(replies)).infer_response.outputs
    counter.desk.runtime.stop()
    with pytest.raises(RemoteError) as ended:
        await anext(replies)
    asking = False
    assert ended.value.code == "UNAVAILABLE"
