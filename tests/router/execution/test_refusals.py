"""What is refused before a model is called has no record, and is counted by router and reason."""

import pytest
from turnout.router.v1 import inference_service_pb2 as rpc

from services.foundation.errors import RemoteError
from tests.router.conftest import Desk
from tests.router.execution.acting import DRAWN, Log, question, ward


def refusals(desk: Desk) -> dict[tuple[str, str], float]:
    """Counts by router and reason."""
    (family,) = desk.metrics.predictions_refused.metric.collect()
    return {
        (one.labels["router"], one.labels["reason"]): one.value
        for one in family.samples
        if one.name.endswith("_total")
    }


def misfit(router: str) -> rpc.PredictRequest:
    """A row that no model reads."""
    request = question(router)
    request.input.row["mean radius"] = "wide"
    return request


async def refused(desk: Desk, request: rpc.PredictRequest) -> str:
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", request)
    return caught.value.reason


async def test_every_refusal_is_counted_and_none_is_recorded(desk: Desk, log: Log) -> None:
    await desk.deploy("cancer", ward(limits={"max_input_bytes": 400}))
    await desk.create("idle", ward())
    assert await refused(desk, misfit("cancer")) == "INPUT_MISMATCH"
    large = question("routers/cancer")
    large.input.row["notes"] = "x" * 400
    assert await refused(desk, large) == "TOO_LARGE"
    assert await refused(desk, rpc.PredictRequest(router="cancer")) == "INVALID_ARGUMENT"
    assert await refused(desk, question("cancer", variant="nobody")) == "VARIANT_NOT_FOUND"
    assert await refused(desk, question("idle")) == "ROUTER_NOT_RUNNING"
    for number in range(3):
        assert await refused(desk, question(f"made-up-{number}")) == "ROUTER_NOT_FOUND"
    # Those that came to something are no refusals, whether they were answered or failed.
    await desk.call("InferenceService/Predict", question("cancer"))
    desk.servers[DRAWN].faults.set("fail", code="INVALID_ARGUMENT")
    assert await refused(desk, question("cancer")) == "INPUT_REFUSED"
    assert len(await log.predictions(2)) == 2
    cancer = "routers/cancer"
    assert refusals(desk) == {
        (cancer, "INPUT_MISMATCH"): 1,
        (cancer, "TOO_LARGE"): 1,
        (cancer, "INVALID_ARGUMENT"): 1,
        (cancer, "VARIANT_NOT_FOUND"): 1,
        ("routers/idle", "ROUTER_NOT_RUNNING"): 1,
        ("", "ROUTER_NOT_FOUND"): 3,
    }


async def test_items_of_a_batch_count_one_by_one(desk: Desk) -> None:
    await desk.deploy("cancer", ward())
    asked = rpc.BatchPredictRequest(requests=[misfit("cancer"), question("cancer"), misfit("cancer")])
    await desk.call("InferenceService/BatchPredict", asked)
    assert refusals(desk) == {("routers/cancer", "INPUT_MISMATCH"): 2}
