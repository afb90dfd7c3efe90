"""What the Open Inference Protocol's door refuses, in the protocol's words and under our statuses."""

import struct
from typing import Any

import grpc
import pytest
from inference import open_inference_pb2 as wire
from turnout.router.v1.router_service_pb2 import StopRouterRequest

from services.foundation.errors import RemoteError
from services.state.connection import Connections
from tests.router.doors.conftest import SERVICE, Counter, asked, logged, parameters
from tests.waiting import eventually

Output = wire.ModelInferRequest.InferRequestedOutputTensor


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"turnout_entity": "me"}, "turnout_entity_id"),
        ({"turnout_entity_id": True}, "a text expected"),
        ({"turnout_entity_id": "x" * 257}, "at most 256 characters"),
        ({"turnout_attributes": "tier=gold"}, "this is no JSON"),
        ({"turnout_attributes": '["gold"]'}, "this is no object"),
        ({"turnout_attributes": '{"tier": 3}'}, "'tier' is no text"),
        ({"turnout_event_time": "yesterday"}, "a time such as"),
        ({"turnout_manifest": "please"}, "true or false expected"),
        ({"timeout": -1}, "a number of microseconds expected"),
        ({"timeout": "soon"}, "a number of microseconds expected"),
    ],
)
async def test_a_parameter_that_means_nothing_is_named(counter: Counter, told: Any, said: str) -> None:
    refused = await counter.refusal(asked(parameters=parameters(**told)))
    assert refused.code == "INVALID_ARGUMENT"
    assert said in refused.message


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"turnout_entity_id": "x" * 257}, "parameters['turnout_entity_id']"),
        ({"turnout_external_id": "x" * 257}, "parameters['turnout_external_id']"),
        ({"turnout_variant": "nobody"}, "parameters['turnout_variant']"),
        ({"turnout_attributes": '{"%s": "x"}' % ("k" * 300)}, "parameters['turnout_attributes']"),
    ],
)
async def test_what_a_prediction_refuses_of_a_parameter_is_said_of_the_parameter(
    counter: Counter, told: Any, field: str
) -> None:
    refused = await counter.refusal(asked(parameters=parameters(**told)))
    assert [name.startswith(field) for name, _ in refused.fields] == [True]


async def test_a_router_that_is_not_there_is_a_model_name(counter: Counter) -> None:
    refused = await counter.refusal(asked(model="nobody"))
    assert [name for name, _ in refused.fields] == ["model_name"]


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("ModelInfer", wire.ModelInferRequest(), "model_name"),
        ("ModelInfer", wire.ModelInferRequest(model_name="No Name"), "model_name"),
        ("ModelReady", wire.ModelReadyRequest(), "name"),
        ("ModelMetadata", wire.ModelMetadataRequest(name="nobody"), "name"),
    ],
)
async def test_a_name_that_is_none_is_the_protocols_field(
    counter: Counter, method: str, request_: Any, field: str
) -> None:
    refused = await counter.refusal(request_, method)
    assert [name for name, _ in refused.fields] == [field]
    assert not refused.message.startswith("router ")


async def test_parameters_of_others_are_left_alone(counter: Counter) -> None:
    await counter.infer(
        asked(parameters=parameters(triton_enable_empty_final_response=True, content_type="np"))
    )


async def test_a_longest_entity_id_is_let_in(counter: Counter) -> None:
    await counter.infer(asked(parameters=parameters(turnout_entity_id="x" * 256)))


def misshapen(**how: Any) -> wire.ModelInferRequest:
    request = asked()
    for name, value in how.items():
        if name == "shape":
            request.inputs[0].ClearField("shape")
            request.inputs[0].shape.extend(value)
        else:
            setattr(request.inputs[0], name, value)
    return request


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (misshapen(shape=[1, 3]), "inputs[0].shape: [rows, 2] expected, got [1, 3]"),
        (misshapen(datatype="FP32"), "inputs[0].datatype: FP64 expected, got FP32"),
        (misshapen(name="inputs"), "the tensor 'input' is missing"),
        (misshapen(shape=[2, 2]), "raw_input_contents[0]: 32 bytes expected"),
        (wire.ModelInferRequest(model_name="cancer"), "at least one tensor expected"),
    ],
)
async def test_a_tensor_that_does_not_fit_is_named_as_the_protocol_names_it(
    counter: Counter, request_: wire.ModelInferRequest, said: str
) -> None:
    refused = await counter.refusal(request_)
    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    assert said in refused.message
    assert "input.tensors" not in refused.message
    assert not any("input.tensors" in field for field, _ in refused.fields)


async def test_both_kinds_of_contents_at_once_are_refused(counter: Counter) -> None:
    request = asked()
    request.inputs[0].contents.fp64_contents.extend([1.0, 2.0])
    refused = await counter.refusal(request)
    assert "either contents or raw_input_contents expected, got both" in refused.message


async def test_an_output_that_nobody_gives_is_refused_with_those_there_are(counter: Counter) -> None:
    refused = await counter.refusal(asked(outputs=[Output(name="logits")]))
    assert refused.code == "INVALID_ARGUMENT"
    assert "one of ['predict', 'predict_proba'] expected, got 'logits'" in refused.message
    assert refused.facts["prediction_id"] in refused.message


@pytest.mark.parametrize("what", ["classification", "shared_memory_region"])
async def test_what_only_triton_does_with_outputs_is_refused(counter: Counter, what: str) -> None:
    output = Output(name="predict", parameters=parameters(**{what: 3}))
    refused = await counter.refusal(asked(outputs=[output]))
    assert refused.code == "INVALID_ARGUMENT"
    assert what in refused.message


async def test_a_router_that_is_not_there_or_does_not_serve_says_so(counter: Counter) -> None:
    assert (await counter.refusal(asked(model="nobody"))).reason == "ROUTER_NOT_FOUND"
    await counter.desk.call("RouterService/StopRouter", StopRouterRequest(name="cancer"))

    async def stopped() -> RemoteError | None:
        # That it is to stop is written when the call ends; a replica hears of it a moment later.
        try:
            await counter.infer(asked())
        except RemoteError as refused:
            return refused
        return None

    refused = await eventually(stopped)
    assert refused is not None
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "ROUTER_NOT_RUNNING")


async def test_a_failure_names_its_prediction_and_is_not_to_be_repeated(
    counter: Counter, connections: Connections
) -> None:
    counter.desk.servers["cancer-bayes"].faults.set("fail", code="INTERNAL")
    async with grpc.aio.insecure_channel(counter.desk.address) as channel:
        send: Any = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            wire.ModelInferRequest.SerializeToString,
            wire.ModelInferResponse.FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await send(asked(), timeout=20)
    trailers = dict(refused.value.trailing_metadata() or ())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert trailers["grpc-retry-pushback-ms"] == "-1"
    prediction = str(trailers["turnout-prediction-id"])
    assert prediction in (refused.value.details() or "")
    assert (await logged(connections, prediction)).error_code == "UNAVAILABLE"


async def test_the_timeout_parameter_is_the_budget(counter: Counter) -> None:
    counter.desk.servers["cancer-bayes"].faults.set("hang")
    refused = await counter.refusal(asked(parameters=parameters(timeout=100_000)))
    assert (refused.code, refused.reason) == ("DEADLINE_EXCEEDED", "MODEL_TIMED_OUT")
    assert refused.facts["prediction_id"]


async def test_who_pins_a_variant_that_is_not_there_hears_which_there_are(counter: Counter) -> None:
    refused = await counter.refusal(asked(parameters=parameters(turnout_variant="nobody")))
    assert refused.reason == "VARIANT_NOT_FOUND"
    assert "cancer-bayes" in refused.message


async def test_bytes_that_are_no_request_are_blamed_on_the_caller(counter: Counter) -> None:
    async with grpc.aio.insecure_channel(counter.desk.address) as channel:
        send: Any = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await send(struct.pack("<q", -1), timeout=20)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
