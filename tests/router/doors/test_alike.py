"""Inferences that look like the one before: what is theirs alone is read all the same."""

import json
import struct
from typing import Any, cast

import pytest
from inference import open_inference_pb2 as wire
from turnout.router.v1 import router_service_pb2 as rpc

from examples.fleet.catalog import registration
from services.foundation.call import Call
from services.router.doors.questions import question_of
from services.state.connection import Connections
from tests.fleet import scripted_model
from tests.router.conftest import doctors
from tests.router.doors.conftest import (
    ROW,
    Counter,
    asked,
    logged,
    parameters,
)
from tests.router.doors.test_inferring import values

Output = wire.ModelInferRequest.InferRequestedOutputTensor
OTHER = (9.0, 12.5)


def chances(reply: wire.ModelInferResponse) -> list[float]:
    return values(reply, "predict_proba")


async def test_other_numbers_have_another_answer(counter: Counter) -> None:
    """The same as typed contents have, which are read the long way."""
    for row in (ROW, OTHER, ROW, OTHER):
        typed = await counter.infer(asked(row, raw=False))
        assert chances(await counter.infer(asked(row))) == pytest.approx(chances(typed))
    assert chances(await counter.infer(asked())) != pytest.approx(chances(await counter.infer(asked(OTHER))))


async def test_every_reply_has_the_id_of_its_question(counter: Counter, connections: Connections) -> None:
    seen = set()
    for name in ("one", "two", "", "three"):
        reply = await counter.infer(asked(id=name))
        assert reply.id == name
        seen.add(reply.parameters["turnout_prediction_id"].string_param)
        event = await logged(connections, reply.parameters["turnout_prediction_id"].string_param)
        assert event.request_id == name or not name
    assert len(seen) == 4


async def test_parameters_are_of_one_inference_alone(counter: Counter, connections: Connections) -> None:
    for entity in ("patient-7", "patient-8", ""):
        told = parameters(turnout_entity_id=entity, turnout_manifest=True) if entity else {}
        reply = await counter.infer(asked(parameters=told))
        event = await logged(connections, reply.parameters["turnout_prediction_id"].string_param)
        assert event.entity_id == entity
        assert ("turnout_manifest" in reply.parameters) is bool(entity)
    refused = await counter.refusal(asked(parameters=parameters(turnout_manifest="please")))
    assert "true or false expected" in refused.message
    assert "turnout_manifest" not in (await counter.infer(asked())).parameters


def test_inferences_of_many_entities_have_one_form() -> None:
    """Or those of the first few would be remembered, and all others read the long way."""

    class Silent:
        def header(self, _name: str) -> None:
            return None

    def form(entity: str) -> bytes:
        told = asked(model="entities", parameters=parameters(turnout_entity_id=entity), id=entity)
        assert question_of(told, cast("Call", Silent())).request.entity_id == entity
        assert told.id == entity
        told.id = ""
        return told.SerializeToString()

    assert form("patient-7") == form("patient-8")


async def test_outputs_are_those_of_each_question(counter: Counter) -> None:
    """Of names that are equally long, and in another order."""
    for names in (
        ["predict_proba"],
        ["predict"],
        ["predict_proba", "predict"],
        ["predict", "predict_proba"],
        [],
    ):
        for _ in range(2):
            reply = await counter.infer(asked(outputs=[Output(name=name) for name in names]))
            assert [one.name for one in reply.outputs] == (names or ["predict", "predict_proba"])
            assert len(reply.raw_output_contents) == len(reply.outputs)
    refused = await counter.refusal(asked(outputs=[Output(name="predict_probb")]))
    assert refused.fields[0][0] == "outputs"


async def test_what_is_wrong_is_found_after_what_was_right(counter: Counter) -> None:
    await counter.infer(asked())
    for name, datatype, shape, field in (
        ("inpux", "FP64", [1, 2], "inputs[0].name"),
        ("input", "FP32", [1, 2], "inputs[0].datatype"),
        ("input", "FP64", [2, 1], "inputs[0].shape"),
    ):
        wrong = asked()
        del wrong.inputs[:]
        wrong.inputs.add(name=name, datatype=datatype, shape=shape)
        for _ in range(2):
            refused = await counter.refusal(wrong)
            assert field in [told for told, _ in refused.fields]
    short = asked()
    short.raw_input_contents[0] = short.raw_input_contents[0][:-1]
    assert (await counter.refusal(short)).fields[0][0] == "raw_input_contents[0]"
    twice = asked()
    twice.raw_input_contents.append(twice.raw_input_contents[0])
    assert (await counter.refusal(twice)).fields[0][0] == "raw_input_contents"
    unsupported = asked(outputs=[Output(name="predict", parameters=parameters(classification=1))])
    for _ in range(2):
        assert "routers do not do it" in (await counter.refusal(unsupported)).message
    assert (await counter.refusal(asked(model="cancex"))).fields[0][0] == "model_name"
    assert chances(await counter.infer(asked()))


async def test_another_generation_decides_from_its_beginning(counter: Counter) -> None:
    """What is remembered of an inference knows nothing of routers and their rules."""
    assert (await counter.infer(asked())).model_version == "1"
    router = (await counter.desk.call("RouterService/GetRouter", rpc.GetRouterRequest(name="cancer"))).router
    router.policies.add(name="large", condition="features['mean radius'] > 14.0", variant="cancer-twin")
    await counter.desk.call("RouterService/UpdateRouter", rpc.UpdateRouterRequest(router=router))
    for row, policy in ((ROW, "large"), (OTHER, ""), (ROW, "large")):
        reply = await counter.infer(asked(row, parameters=parameters(turnout_manifest=True)))
        assert reply.model_version == "2"
        decision = json.loads(reply.parameters["turnout_manifest"].string_param)["decision"]
        assert decision.get("policy", "") == policy


async def test_a_member_whose_replies_change_is_passed_on_each_time(counter: Counter) -> None:
    """Parameters and typed contents come and go."""
    says: dict[str, Any] = {"parameter": "", "raw": True}

    async def fickle(_request: wire.ModelInferRequest) -> wire.ModelInferResponse:
        reply = wire.ModelInferResponse(model_name="fickle")
        reply.outputs.add(name="predict", datatype="INT64", shape=[1])
        reply.outputs.add(name="predict_proba", datatype="FP64", shape=[1, 2])
        contents = [struct.pack("<q", 1), struct.pack("<2d", 0.25, 0.75)]
        if says["raw"]:
            reply.raw_output_contents.extend(contents)
        else:
            reply.outputs[0].contents.int64_contents.append(1)
            reply.outputs[1].contents.fp64_contents.extend([0.25, 0.75])
        if says["parameter"]:
            reply.parameters["turnout_manifest"].string_param = says["parameter"]
        return reply

    async with scripted_model("fickle", fickle) as server:
        model = registration("cancer-bayes", server.address)
        model.name = "models/fickle"
        await counter.desk.register(model)
        router = doctors()
        for variant, name in zip(router.variants, ("one", "other"), strict=True):
            variant.model, variant.id = "fickle", name
        await counter.desk.deploy("fickle", router)

        async def reply(**changes: Any) -> wire.ModelInferResponse:
            says.update(changes)
            told: wire.ModelInferResponse = await counter.infer(asked(model="fickle"))
            return told

        for changes in ({}, {"parameter": "a lie"}, {"parameter": "", "raw": False}, {"raw": True}):
            told = await reply(**changes)
            assert "turnout_manifest" not in told.parameters
            assert list(told.raw_output_contents) == [struct.pack("<q", 1), struct.pack("<2d", 0.25, 0.75)]
            assert [one.name for one in told.outputs] == ["predict", "predict_proba"]
