"""A drift service on a real channel and a real Redis."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.drift.v1.baseline_pb2 import CategoricalColumn, Columns, NumericColumn
from turnout.router.v1.model_pb2 import Model

from services.drift.build import servicer_of
from services.foundation.client import Client
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.kinds import MODELS

Ask = Callable[[str, Message], Awaitable[Any]]
ROWS = 1_000


@pytest.fixture
async def model(connections: Connections) -> Model:
    """A registered model."""
    store = ConfigStore(connections, MODELS, time.time, random.Random(1))
    return (await store.create(Model(name="models/churn"))).message


@pytest.fixture
async def client(connections: Connections) -> AsyncIterator[Client]:
    """A client of a running DriftService."""
    server = Server([servicer_of(connections, time.time, random.Random(2))], Settings())
    await server.start()
    made = Client(server.address)
    yield made
    await made.close()
    await server.stop()


@pytest.fixture
def ask(client: Client) -> Ask:
    """Calls a method of it."""

    async def call(method: str, request: Message) -> Any:
        return await client.unary("turnout.drift.v1.DriftService", method)(request, timeout=20)

    return call


def columns(seed: int = 1) -> Columns:
    """An age, an amount and a plan for each of ROWS customers."""
    rng = np.random.default_rng(seed)
    return Columns(
        numeric={
            "age": NumericColumn(values=rng.normal(40, 10, ROWS)),
            "amount": NumericColumn(values=rng.lognormal(3, 1, ROWS)),
        },
        categorical={"plan": CategoricalColumn(values=rng.choice(["basic", "gold"], ROWS).tolist())},
    )


def creation(**changes: Any) -> rpc.CreateBaselineRequest:
    """A request for a baseline of `columns`."""
    given: dict[str, Any] = {"model": "churn", "columns": columns()} | changes
    return rpc.CreateBaselineRequest(**given)
