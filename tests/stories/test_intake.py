"""Truth by any door, corrected by any other, moves what the suite says of a router and of its models."""

from collections.abc import AsyncIterator
from typing import Any

from turnout.drift.v1 import drift_service_pb2, logging_pb2
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1.router_service_pb2 import GetMetricsRequest

from examples.demo.rows import Supply
from services.foundation.client import Client
from tests.stories.asking import INFERENCE, ROUTERS, SECONDS, asked, deployed, router, tell
from tests.stories.suite import Suite
from tests.waiting import eventually

DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name
NAME = "intake-split"
MODELS = ("digits-bottom", "digits-right")
ROWS = 20


async def upload(client: Client, text: str) -> rpc.UploadGroundTruthResponse:
    async def stream() -> AsyncIterator[rpc.UploadGroundTruthRequest]:
        yield rpc.UploadGroundTruthRequest(header=rpc.GroundTruthHeader(router=NAME))
        yield rpc.UploadGroundTruthRequest(text=text)

    reply = await client.upload(DRIFT, "UploadGroundTruth")(stream(), timeout=SECONDS)
    assert isinstance(reply, rpc.UploadGroundTruthResponse)
    return reply


async def listed(client: Client) -> dict[str, Any]:
    """By external id, the predictions of both models that the router made, with their truths."""
    found: dict[str, Any] = {}
    for model in MODELS:
        request = logging_pb2.ListPredictionsRequest(model=model, router=NAME, page_size=100)
        reply = await client.unary(DRIFT, "ListPredictions")(request, timeout=SECONDS)
        found |= {one.prediction.event.external_id: one for one in reply.predictions}
    return found


async def test_truth_by_any_door_moves_the_metrics_of_its_router(suite: Suite) -> None:
    client, drift, feedback = suite.client("router"), suite.client("drift"), suite.client("feedback")
    await deployed(client, router(NAME, *MODELS, weighted={}))
    supply, answers = Supply("digits", 31), dict[str, tuple[str, str]]()
    for number in range(ROWS):
        request = asked(NAME, supply.take())
        request.external_id = f"scan-{number}"
        reply = await client.unary(INFERENCE, "Predict")(request, timeout=SECONDS)
        answers[request.external_id] = reply.prediction_id, reply.output.classification.label

    async def accuracy(wanted: float) -> bool:
        found = await client.unary(ROUTERS, "GetMetrics")(GetMetricsRequest(name=NAME), timeout=SECONDS)
        return bool(found.total.labels == ROWS and abs(found.total.accuracy - wanted) < 1e-9)

    async def recorded() -> bool:
        return len(await listed(drift)) == ROWS

    await eventually(recorded, within=30)
    # A file says that all were right; a batch that a half were not; a single report that one more was not.
    rows = "".join(f"{key},{label}\n" for key, (_, label) in answers.items())
    assert dict((await upload(drift, f"external_id,label\n{rows}")).counts) == {"ACCEPTED": ROWS}
    await eventually(lambda: accuracy(1.0), within=30)
    wrong = [
        rpc.AddGroundTruthRequest(prediction_id=name, truth=Truth(label=str((int(label) + 1) % 10)))
        for name, label in list(answers.values())[: ROWS // 2]
    ]
    batch = rpc.BatchAddGroundTruthRequest(truths=wrong)
    reply = await drift.unary(DRIFT, "BatchAddGroundTruth")(batch, timeout=SECONDS)
    assert dict(reply.counts) == {"CORRECTED": ROWS // 2}
    await eventually(lambda: accuracy(0.5), within=30)
    name, label = answers[f"scan-{ROWS - 1}"]
    await tell(feedback, name, str((int(label) + 1) % 10))
    await eventually(lambda: accuracy(0.5 - 1 / ROWS), within=30)
    # The file again is a retry: what was corrected since stays.
    assert dict((await upload(drift, f"external_id,label\n{rows}")).counts) == {"DUPLICATE": ROWS}
    found = await listed(drift)
    assert sum(one.truths[0].truth.label == answers[key][1] for key, one in found.items()) == ROWS // 2 - 1
