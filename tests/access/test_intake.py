"""What comes into drift by streams and batches: each caller adds to, and sees, what is his alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from turnout.drift.v1 import logging_pb2 as logging
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from tests.access.house import SHARED, House, enforced
from tests.waiting import eventually

DRIFT = "turnout.drift.v1.DriftService"


@pytest.fixture
async def house(redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A router and a drift service with their callers."""
    async with enforced(redis_url, tmp_path, "router", "drift") as opened:
        yield opened
        await opened.connections.steady.flushdb()


async def send(house: House, user: str, method: str, *requests: Message) -> Any:
    """A stream of requests as a user."""

    async def stream() -> AsyncIterator[Message]:
        for request in requests:
            yield request

    call = house.client(DRIFT).upload(DRIFT, method)
    return await call(stream(), timeout=15, metadata=house.headers(user))


async def log(house: House, user: str, model: str) -> logging.LogPredictionsResponse:
    one = logging.LogPredictionRequest(model=model, label="yes", external_id="order-7")
    request = logging.LogPredictionsRequest(predictions=[one])
    reply = await send(house, user, "LogPredictions", request)
    assert isinstance(reply, logging.LogPredictionsResponse)
    return reply


async def seen(house: House, user: str) -> list[str]:
    """Ids of the predictions of model a that a user is shown."""
    reply = await house.call(user, f"{DRIFT}/ListPredictions", logging.ListPredictionsRequest(model="a"))
    return [one.prediction.event.manifest.prediction_id for one in reply.predictions]


async def test_each_caller_adds_to_and_sees_what_is_his(house: House) -> None:
    shared, _ = await house.make("shared")
    # The model that both routers ask.
    await house.models.create(Model(name="models/a", owner="owner", permissions=SHARED))
    secret = (await house.routers.create(Router(name="routers/secret", owner="x"))).message
    await house.models.create(Model(name="models/hidden", owner="x"))
    await eventually(lambda: _known(house, "shared"))

    refused = (await log(house, "stranger", "shared")).errors[0]
    absent = (await log(house, "stranger", "absent")).errors[0]
    assert (refused.reason, refused.message.replace("shared", "absent")) == (absent.reason, absent.message)
    assert (await log(house, "viewer", "shared")).errors[0].code == "PERMISSION_DENIED"
    assert (await log(house, "predictor", "hidden")).errors[0].reason == "MODEL_NOT_FOUND"
    assert (await log(house, "predictor", "shared")).logged == 1

    made = [await house.log(shared), await house.log(secret)]
    await house.recorded(made)
    batch = rpc.BatchAddGroundTruthRequest(
        truths=[rpc.AddGroundTruthRequest(prediction_id=name, truth=Truth(label="yes")) for name in made]
    )
    for user, counts in (
        ("stranger", {"REFUSED": 2}),
        ("viewer", {"REFUSED": 2}),
        ("predictor", {"ACCEPTED": 1, "REFUSED": 1}),
        ("admin", {"DUPLICATE": 1, "ACCEPTED": 1}),
    ):
        reply = await house.call(user, f"{DRIFT}/BatchAddGroundTruth", batch)
        assert (user, dict(reply.counts)) == (user, counts)
    file = rpc.UploadGroundTruthRequest(text="external_id,model,label\norder-7,shared,no\n")
    uploads = [await send(house, user, "UploadGroundTruth", file) for user in ("stranger", "predictor")]
    assert [dict(one.counts) for one in uploads] == [{"REFUSED": 1}, {"ACCEPTED": 1}]

    async def settled() -> bool:
        return len(await seen(house, "admin")) == 2

    await eventually(settled, within=20)
    assert await seen(house, "viewer") == made[:1]


async def test_uploads_are_their_callers_own(house: House) -> None:
    await house.make("shared")
    header = rpc.UploadGroundTruthRequest(header=rpc.GroundTruthHeader(upload_id="march"))
    file = rpc.UploadGroundTruthRequest(data=b"prediction_id,label\n7,yes\n")
    await send(house, "predictor", "UploadGroundTruth", header, file)
    header.header.status_only = True
    assert (await send(house, "predictor", "UploadGroundTruth", header)).complete
    with pytest.raises(RemoteError, match="there is no upload march"):
        await send(house, "editor", "UploadGroundTruth", header)


async def _known(house: House, model: str) -> bool:
    """Whether drift follows the catalog as far as that model."""
    return (await log(house, "viewer", model)).errors[0].code != "NOT_FOUND"
