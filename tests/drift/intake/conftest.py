"""A drift service that guards nothing, a client stream into it, and what it makes of its streams."""

import random
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.router.v1.model_pb2 import Model

from services.drift.build import handler_of, servicer_of
from services.drift.truths.adding import Truths
from services.drift.truths.finding import Finder
from services.foundation.client import Client
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state import ids, keys
from services.state.attribution import AttributionIndex
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.fenced import Fence
from services.state.kinds import MODELS, ROUTERS
from services.state.records import RecordStore
from services.state.streams import EVENTS
from services.state.truth import TruthLog
from tests.drift.traffic import entry

Send = Callable[[str, Iterable[Message] | AsyncIterable[Message]], Awaitable[Any]]
Consume = Callable[[str], Awaitable[list[PredictionEvent]]]
SERVICE = "turnout.drift.v1.DriftService"


@pytest.fixture
async def send(connections: Connections) -> AsyncIterator[Send]:
    """Sends a stream of requests to a running DriftService; returns its reply."""
    server = Server([servicer_of(connections, time.time, random.Random(3))], Settings())
    await server.start()
    client = Client(server.address)

    async def call(method: str, requests: Iterable[Message] | AsyncIterable[Message]) -> Any:
        async def stream() -> AsyncIterator[Message]:
            if isinstance(requests, AsyncIterable):
                async for request in requests:
                    yield request
            else:
                for request in requests:
                    yield request

        return await client.upload(SERVICE, method)(stream(), timeout=60)

    yield call
    await client.close()
    await server.stop()


async def batches(connections: Connections, uid: str) -> list[Entry[EventBatch]]:
    """What is in the stream of the partition of a model or router."""
    found = await connections.steady.xrange(keys.events(ids.partition_for(uid)))
    return [Entry(name.decode(), EventBatch.FromString(fields[EVENTS.field])) for name, fields in found]


@pytest.fixture
async def consume(connections: Connections) -> Consume:
    """Does what drift's owner of a partition does with all of its stream, which may be done again; returns
    the predictions in it."""

    async def work(uid: str) -> list[PredictionEvent]:
        partition = ids.partition_for(uid)
        fence = Fence(keys.token(partition, "drift"), "1")
        await connections.steady.set(fence.key, fence.token)
        entries = await batches(connections, uid)
        if entries:
            packed = [entry(one.id, one.message) for one in entries]
            await handler_of(connections, time.time).handle(partition, fence, packed)
        return [PredictionEvent.FromString(wire) for one in entries for wire in one.message.predictions]

    return work


def stamped(model: Model) -> int:
    """The partition of a model."""
    return ids.partition_for(model.uid)


def truths_of(connections: Connections, most: int = 10_000) -> Truths:
    """Truths into streams of at most so many entries."""
    routers = ConfigReader(connections, ROUTERS, time.time)
    models = ConfigReader(connections, MODELS, time.time)
    finder = Finder(routers, models, AttributionIndex(connections), time.time)
    return Truths(TruthLog(connections, most), RecordStore(connections), finder, time.time)


async def streamed(requests: Iterator[Any]) -> AsyncIterator[Any]:
    for request in requests:
        yield request
