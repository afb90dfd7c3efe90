"""What a contextual bandit sees of a request, by whichever door and in whichever form it comes."""

import struct

import pytest
from google.protobuf.json_format import Parse
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import Decision, Manifest
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.client import Client
from services.router.deciding.contexts import Contexts
from tests.router.conftest import Desk

RADIUS, TEXTURE = 14.2, 20.1
CONTEXT = [RADIUS / 20, TEXTURE]


def contextual() -> Router:
    """A bandit that goes by the two columns that both of its variants read."""
    bandit = {
        "algorithm": "BANDIT_ALGORITHM_LIN_UCB",
        "context_features": ["mean radius", "mean texture"],
        "context_scales": {"mean radius": 20},
    }
    return Router(variants=[{"id": one, "model": "cancer-bayes"} for one in ("a", "b")], bandit=bandit)


def tensors(rows: int = 1, datatype: str = "FP64", packed: str = "d") -> Input:
    given = Input()
    given.tensors.tensors.add(name="input", datatype=datatype, shape=[rows, 2])
    given.tensors.raw_contents.append(struct.pack(f"<{2 * rows}{packed}", *[RADIUS, TEXTURE] * rows))
    return given


async def decided(desk: Desk, given: Input) -> Decision:
    request = rpc.PredictRequest(router="cancer", input=given)
    decision: Decision = (await desk.call("InferenceService/Predict", request)).manifest.decision
    return decision


@pytest.mark.parametrize(
    "given",
    [
        Input(tabular={"numeric_features": {"mean radius": RADIUS, "mean texture": TEXTURE}}),
        tensors(),
    ],
    ids=["columns", "tensors"],
)
async def test_columns_are_a_context_also_where_they_come_as_a_tensor(desk: Desk, given: Input) -> None:
    await desk.deploy("cancer", contextual())
    assert list((await decided(desk, given)).context) == pytest.approx(CONTEXT)


async def test_several_rows_have_no_context_in_common(desk: Desk) -> None:
    await desk.deploy("cancer", contextual())
    assert list((await decided(desk, tensors(rows=2))).context) == [0, 0]


async def test_the_open_inference_door_has_contexts_too(desk: Desk) -> None:
    await desk.deploy("cancer", contextual())
    asked = ModelInferRequest(model_name="cancer")
    asked.inputs.add(name="input", datatype="FP64", shape=[1, 2])
    asked.inputs[0].contents.fp64_contents.extend([RADIUS, TEXTURE])
    asked.parameters["turnout_manifest"].bool_param = True
    client = Client(desk.address)
    reply: ModelInferResponse = await client.unary("inference.GRPCInferenceService", "ModelInfer")(
        asked, timeout=20
    )
    await client.close()
    told = Parse(reply.parameters["turnout_manifest"].string_param, Manifest())
    assert list(told.decision.context) == pytest.approx(CONTEXT)


def test_a_truth_in_a_row_is_a_number_as_it_is_to_models_that_read_one() -> None:
    asked = Input()
    asked.row.update({"member": True, "age": 40})
    assert Contexts(["member", "age"], [1.0, 10.0], None).read(asked) == [1.0, 4.0]
