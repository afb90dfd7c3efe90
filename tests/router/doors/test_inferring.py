"""Inferences over a real channel: tensors go through, and what a router adds travels in parameters."""

import json
import struct
from typing import Any

import grpc
import pytest
from inference import open_inference_pb2 as wire

from examples.fleet.catalog import registration
from services.state.connection import Connections
from tests.fleet import scripted_model
from tests.router.conftest import doctors
from tests.router.doors.conftest import (
    SERVICE,
    Counter,
    asked,
    doctors_of_two_columns,
    logged,
    parameters,
)


async def direct(address: str, request: wire.ModelInferRequest) -> wire.ModelInferResponse:
    """The same question to the model server itself."""
    async with grpc.aio.insecure_channel(address) as channel:
        send: Any = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            wire.ModelInferRequest.SerializeToString,
            wire.ModelInferResponse.FromString,
        )
        answer: wire.ModelInferResponse = await send(request, timeout=20)
        return answer


async def test_the_tensors_are_the_members_own_byte_for_byte(counter: Counter) -> None:
    routed = await counter.infer(asked())
    own = await direct(counter.desk.servers["cancer-bayes"].address, asked(model="cancer-bayes"))
    assert [one.SerializeToString() for one in routed.outputs] == [
        one.SerializeToString() for one in own.outputs
    ]
    assert list(routed.raw_output_contents) == list(own.raw_output_contents)


async def test_a_reply_is_the_routers_and_names_its_prediction(
    counter: Counter, connections: Connections
) -> None:
    reply = await counter.infer(asked(id="mine", model_version="7"))
    assert (reply.model_name, reply.model_version, reply.id) == ("cancer", "1", "mine")
    assert reply.parameters["turnout_degraded"].bool_param is False
    assert "turnout_manifest" not in reply.parameters
    event = await logged(connections, reply.parameters["turnout_prediction_id"].string_param)
    assert event.manifest.router == "routers/cancer"
    assert event.request_id == "mine"
    assert event.input_kind == "tensors"
    assert event.output.classification.label in ("benign", "malignant")


async def test_a_reply_without_an_id_has_none(counter: Counter) -> None:
    assert (await counter.infer(asked())).id == ""


async def test_the_manifest_comes_as_canonical_json_where_it_is_asked_for(counter: Counter) -> None:
    reply = await counter.infer(asked(parameters=parameters(turnout_manifest=True)))
    told = reply.parameters["turnout_manifest"].string_param
    manifest = json.loads(told)
    assert json.dumps(manifest, sort_keys=True, separators=(",", ":")) == told
    assert manifest["prediction_id"] == reply.parameters["turnout_prediction_id"].string_param
    assert manifest["participants"][0]["outcome"] == "OUTCOME_SERVED"
    by_header = await counter.infer(asked(), metadata=[("x-turnout-manifest", "true")])
    assert "turnout_manifest" in by_header.parameters


@pytest.mark.parametrize(
    ("told", "headers"),
    [
        ({"turnout_entity_id": "patient-7"}, []),
        ({"sequence_id": "patient-7"}, []),
        ({"turnout_entity_id": "patient-7", "sequence_id": 3}, []),
        ({}, [("x-turnout-entity-id", "patient-7")]),
        ({"turnout_entity_id": "patient-7"}, [("x-turnout-entity-id", "patient-8")]),
    ],
)
async def test_an_entity_is_named_by_parameter_sequence_or_header(
    counter: Counter, connections: Connections, told: Any, headers: Any
) -> None:
    reply = await counter.infer(asked(parameters=parameters(**told)), metadata=headers)
    event = await logged(connections, reply.parameters["turnout_prediction_id"].string_param)
    assert event.entity_id == "patient-7"


async def test_what_else_a_prediction_may_say_travels_in_parameters(
    counter: Counter, connections: Connections
) -> None:
    told = parameters(
        turnout_external_id="visit-9",
        turnout_event_time="2026-01-31T12:00:00Z",
        turnout_variant="cancer-bayes",
        priority=3,
        sequence_start=True,
    )
    reply = await counter.infer(asked(parameters=told))
    event = await logged(connections, reply.parameters["turnout_prediction_id"].string_param)
    assert event.external_id == "visit-9"
    assert event.event_time.ToJsonString() == "2026-01-31T12:00:00Z"
    assert event.manifest.decision.variant == "cancer-bayes"


@pytest.mark.parametrize("raw", [True, False])
async def test_columns_are_seen_by_policies(counter: Counter, raw: bool) -> None:
    router = doctors_of_two_columns()
    router.policies.add(name="large", condition="features['mean radius'] > 14.0", variant="cancer-twin")
    await counter.desk.deploy("sized", router)
    for radius, policy in ((14.2, "large"), (9.0, "")):
        request = asked((radius, 20.1), model="sized", raw=raw)
        request.parameters["turnout_manifest"].bool_param = True
        manifest = json.loads((await counter.infer(request)).parameters["turnout_manifest"].string_param)
        assert manifest["decision"].get("policy", "") == policy
        assert "ruleErrors" not in manifest["decision"]


async def test_attributes_are_seen_by_policies(counter: Counter) -> None:
    router = doctors_of_two_columns()
    router.policies.add(name="gold", condition="attributes.tier == 'gold'", variant="cancer-twin")
    await counter.desk.deploy("tiers", router)
    told = parameters(turnout_attributes='{"tier": "gold"}', turnout_manifest=True)
    for _ in range(8):
        reply = await counter.infer(asked(model="tiers", parameters=told))
        decision = json.loads(reply.parameters["turnout_manifest"].string_param)["decision"]
        assert (decision["policy"], decision["variant"]) == ("gold", "cancer-twin")


async def test_typed_contents_are_answered_too(counter: Counter) -> None:
    typed, raw = await counter.infer(asked(raw=False)), await counter.infer(asked())
    assert values(typed, "predict_proba") == pytest.approx(values(raw, "predict_proba"))


async def test_who_sends_raw_contents_gets_raw_ones_whatever_the_member_says(counter: Counter) -> None:
    async def typed(_request: wire.ModelInferRequest) -> wire.ModelInferResponse:
        reply = wire.ModelInferResponse(model_name="typed", id="its own")
        reply.parameters["turnout_prediction_id"].string_param = "a lie"
        for name, datatype, shape in (("predict", "INT64", [1]), ("predict_proba", "FP64", [1, 2])):
            reply.outputs.add(name=name, datatype=datatype, shape=shape)
        reply.outputs[0].contents.int64_contents.append(1)
        reply.outputs[1].contents.fp64_contents.extend([0.25, 0.75])
        return reply

    async with scripted_model("typed", typed) as server:
        model = registration("cancer-bayes", server.address)
        model.name = "models/typed"
        await counter.desk.register(model)
        router = doctors()
        router.variants[0].model = router.variants[1].model = "typed"
        router.variants[0].id, router.variants[1].id = "one", "other"
        await counter.desk.deploy("typed", router)
        reply = await counter.infer(asked(model="typed"))
        assert list(reply.raw_output_contents) == [struct.pack("<q", 1), struct.pack("<2d", 0.25, 0.75)]
        assert not reply.outputs[0].HasField("contents")
        assert reply.id == ""
        assert reply.parameters["turnout_prediction_id"].string_param != "a lie"
        as_typed = await counter.infer(asked(model="typed", raw=False))
        assert list(as_typed.outputs[1].contents.fp64_contents) == [0.25, 0.75]


async def test_outputs_come_as_they_are_asked_for(counter: Counter) -> None:
    wanted = [wire.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in ("predict_proba",)]
    reply = await counter.infer(asked(outputs=wanted))
    assert [one.name for one in reply.outputs] == ["predict_proba"]
    assert len(reply.raw_output_contents[0]) == 16


async def test_a_routers_name_may_be_written_out(counter: Counter) -> None:
    assert (await counter.infer(asked(model="routers/cancer"))).model_name == "cancer"


def values(reply: wire.ModelInferResponse, name: str) -> list[float]:
    """A double tensor of a reply, however it travels."""
    for index, output in enumerate(reply.outputs):
        if output.name == name:
            if reply.raw_output_contents:
                raw = reply.raw_output_contents[index]
                return list(struct.unpack(f"<{len(raw) // 8}d", raw))
            return list(output.contents.fp64_contents)
    raise AssertionError(name)
