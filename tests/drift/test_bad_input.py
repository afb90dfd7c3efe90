"""What drift cannot do: clearly refused, without a trace, and repeatable once it can be done."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest, GetLatestResultRequest
from turnout.drift.v1.baseline_rpc_pb2 import (
    GetActiveBaselineRequest,
    ListBaselinesRequest,
    SetActiveBaselineRequest,
)
from turnout.drift.v1.truth_pb2 import AddGroundTruthRequest
from turnout.inference.v1.event_pb2 import Truth
from turnout.router.v1.model_pb2 import Model

from services.drift.build import servicer_of
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state.configs import ConfigStore
from services.state.connection import Connections, connect
from services.state.embedded import EmbeddedRedis
from services.state.failures import MappedRedis
from services.state.ids import new_prediction_id
from services.state.kinds import MODELS
from tests.drift.conftest import Ask, creation
from tests.waiting import eventually

PREDICTION = new_prediction_id(9, time.time(), random.Random(6))
ASKED: dict[str, Message] = {
    "CreateBaseline": creation(baseline_id="july", request_id="7d0c"),
    "SetActiveBaseline": SetActiveBaselineRequest(model="churn", baseline_id="first"),
    "GetActiveBaseline": GetActiveBaselineRequest(model="churn"),
    "ListBaselines": ListBaselinesRequest(model="churn"),
    "Analyze": AnalyzeRequest(model="churn"),
    "GetLatestResult": GetLatestResultRequest(model="churn"),
    "AddGroundTruth": AddGroundTruthRequest(prediction_id=PREDICTION, truth=Truth(label="yes")),
}


async def kept(redis: MappedRedis) -> dict[bytes, bytes]:
    """Everything in Redis, byte by byte."""
    client: Any = redis
    return {key: await client.dump(key) for key in await client.keys("*")}


async def refused(asking: Awaitable[Any]) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await asking
    return caught.value


@pytest.fixture
async def alone(redis_server: EmbeddedRedis) -> AsyncIterator[tuple[Connections, Ask]]:
    """A drift service on a Redis of its own, asked by a client that sends nothing twice."""
    service = "turnout.drift.v1.DriftService"
    async with connect(redis_server.url) as connections:
        server = Server([servicer_of(connections, time.time, random.Random(2))], Settings())
        await server.start()
        client = Client(server.address, unretried=[service])

        async def call(method: str, request: Message) -> Any:
            return await client.unary(service, method)(request, timeout=20)

        store = ConfigStore(connections, MODELS, time.time, random.Random(1))
        await store.create(Model(name="models/churn"))
        yield connections, call
        await client.close()
        await server.stop()


async def test_without_redis_everything_is_refused_and_nothing_is_half_done(
    alone: tuple[Connections, Ask], redis_server: EmbeddedRedis
) -> None:
    connections, ask = alone
    await ask("CreateBaseline", creation(baseline_id="first"))
    before = await kept(connections.steady)
    await redis_server.kill()
    errors = await asyncio.gather(*(refused(ask(method, request)) for method, request in ASKED.items()))
    for method, error in zip(ASKED, errors, strict=True):
        told = (error.code, error.reason, error.message, error.fields, error.retry_after)
        away = ("UNAVAILABLE", "STATE_UNAVAILABLE", "the state store cannot be reached now", (), 1.0)
        assert (method, told) == (method, away)
    await redis_server.start()
    assert await eventually(lambda: _answers(ask), within=30)
    assert await kept(connections.steady) == before
    made = (await ask("CreateBaseline", ASKED["CreateBaseline"])).baseline
    assert made.active
    assert (await ask("CreateBaseline", ASKED["CreateBaseline"])).baseline == made


async def _answers(ask: Ask) -> bool:
    try:
        return bool(await ask("ListBaselines", ASKED["ListBaselines"]))
    except RemoteError:
        return False


async def test_a_baseline_asked_for_many_times_at_once_is_made_once(
    ask: Ask, model: Model, redis: MappedRedis
) -> None:
    request = creation(request_id="7d0c")
    replies = await asyncio.gather(*(ask("CreateBaseline", request) for _ in range(4)))
    assert {reply.baseline.uid for reply in replies} == {replies[0].baseline.uid}
    listed = (await ask("ListBaselines", ASKED["ListBaselines"])).baselines
    assert [(one.uid, one.active) for one in listed] == [(replies[0].baseline.uid, True)]
    before = await kept(redis)
    assert (await ask("CreateBaseline", request)).baseline == listed[0]
    assert await kept(redis) == before


async def test_a_request_id_of_another_request_is_refused_by_name(
    ask: Ask, model: Model, redis: MappedRedis
) -> None:
    made = (await ask("CreateBaseline", creation(baseline_id="july", request_id="7d0c"))).baseline
    before = await kept(redis)
    error = await refused(ask("CreateBaseline", creation(baseline_id="august", request_id="7d0c")))
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert [one.field for one in error.fields] == ["request_id"]
    assert error.message == "request_id 7d0c belongs to a different request; send a new one"
    assert await kept(redis) == before
    assert (await ask("GetActiveBaseline", ASKED["GetActiveBaseline"])).baseline == made


UNKNOWN: dict[str, Callable[[], Message]] = {
    "CreateBaseline": lambda: creation(model="nobody", request_id="7d0c"),
    "SetActiveBaseline": lambda: SetActiveBaselineRequest(model="nobody", baseline_id="first"),
    "GetActiveBaseline": lambda: GetActiveBaselineRequest(model="nobody"),
    "ListBaselines": lambda: ListBaselinesRequest(model="nobody"),
    "Analyze": lambda: AnalyzeRequest(model="nobody"),
    "GetLatestResult": lambda: GetLatestResultRequest(model="nobody"),
}


@pytest.mark.parametrize(("method", "request_"), UNKNOWN.items(), ids=UNKNOWN)
async def test_an_unknown_model_is_not_found_and_blamed_on_its_field(
    ask: Ask, model: Model, redis: MappedRedis, method: str, request_: Callable[[], Message]
) -> None:
    before = await kept(redis)
    error = await refused(ask(method, request_()))
    assert (error.code, error.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert (error.message, [one.field for one in error.fields]) == ("there is no models/nobody", ["model"])
    assert await kept(redis) == before


async def test_a_baseline_over_the_limit_is_refused_with_its_size(
    ask: Ask, model: Model, redis: MappedRedis
) -> None:
    before = await kept(redis)
    error = await refused(ask("CreateBaseline", creation(description="x" * (5 * 1024 * 1024))))
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert error.message.startswith("turnout.drift.v1.CreateBaselineRequest has ")
    assert "at most 4194304 are accepted" in error.message
    assert await kept(redis) == before
    assert (await ask("CreateBaseline", creation())).baseline.active
