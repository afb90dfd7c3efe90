"""A jury behind the Open Inference Protocol: one answer, in tensors that no member gave."""

import json
import struct

import pytest
from inference import open_inference_pb2 as wire
from turnout.router.v1 import strategy_pb2 as strategy

from examples.fleet.columns import BREAST_CANCER
from examples.fleet.data import holdout
from services.models.datatypes import DATATYPES, decode
from tests.router.conftest import Desk
from tests.router.deciding.test_juries import PANEL, jury, panel
from tests.router.doors.conftest import Counter, parameters

assert panel  # the fixture of the juries' own tests


@pytest.fixture
async def doctors(panel: Desk) -> Desk:
    """Three doctors who read all columns, deployed as a jury."""
    voting = jury(aggregation=strategy.AGGREGATION_METHOD_WEIGHTED_AVERAGE)
    del voting.variants[2]
    assert len(PANEL) == 3
    await panel.deploy("panel", voting)
    return panel


async def test_a_jurys_answer_comes_in_named_tensors(doctors: Desk) -> None:
    rows, _ = holdout("breast-cancer", 1)
    request = wire.ModelInferRequest(model_name="panel", parameters=parameters(turnout_manifest=True))
    request.inputs.add(name="input", datatype="FP64", shape=[1, len(BREAST_CANCER)])
    request.raw_input_contents.append(struct.pack(f"<{len(BREAST_CANCER)}d", *map(float, rows[0])))
    counter = Counter(doctors)
    reply = await counter.infer(request)
    described = await counter.call("ModelMetadata", wire.ModelMetadataRequest(name="panel"))
    await counter.close()
    label, chances = reply.raw_output_contents
    assert [(one.name, one.datatype, list(one.shape)) for one in reply.outputs] == [
        ("label", "BYTES", [1]),
        ("probabilities", "FP64", [1, 2]),
    ]
    classes = json.loads(reply.outputs[1].parameters["class_order"].string_param)
    told = dict(zip(classes, struct.unpack("<2d", chances), strict=True))
    assert decode(DATATYPES["BYTES"], label) == [max(told, key=lambda name: told[name]).encode()]
    assert sum(told.values()) == pytest.approx(1.0)
    manifest = json.loads(reply.parameters["turnout_manifest"].string_param)
    assert {one["role"] for one in manifest["participants"]} == {"PARTICIPANT_ROLE_JUROR"}
    assert [(one.name, one.datatype, list(one.shape)) for one in described.outputs] == [
        ("label", "BYTES", [-1]),
        ("probabilities", "FP64", [-1, 2]),
    ]
