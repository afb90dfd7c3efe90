"""Uploads on a real channel."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import (
    FEATURE_KIND_CATEGORICAL,
    FEATURE_KIND_NUMERIC,
    Feature,
    Model,
    Signature,
)

from services.foundation.client import Client
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.kinds import MODELS

SERVICE = "turnout.drift.v1.DriftService"
Upload = Callable[..., Awaitable[rpc.UploadBaselineResponse]]
RNG = np.random.default_rng(6)
ROWS = 2_000
AMOUNT = RNG.lognormal(3, 1, ROWS).round(2)
AGE = RNG.integers(18, 80, ROWS)
PLAN = RNG.choice(["basic", "gold", 'say "hi",\nyou'], ROWS)
REGION = RNG.choice(["eu", "us"], ROWS, p=[0.8, 0.2])


@pytest.fixture
def upload(client: Client) -> Upload:
    """Sends a file in pieces, behind a header."""

    async def send(data: bytes, piece: int = 10_000, **header: Any) -> rpc.UploadBaselineResponse:
        given: dict[str, Any] = {"model": "churn"} | header
        call = client.upload(SERVICE, "UploadBaseline")
        reply = await call(parts(rpc.UploadBaselineHeader(**given), data, piece), timeout=60)
        assert isinstance(reply, rpc.UploadBaselineResponse)
        return reply

    return send


async def parts(
    header: rpc.UploadBaselineHeader, data: bytes, piece: int
) -> AsyncIterator[rpc.UploadBaselineRequest]:
    """The messages of an upload."""
    yield rpc.UploadBaselineRequest(header=header)
    for start in range(0, len(data), piece):
        yield rpc.UploadBaselineRequest(data=data[start : start + piece])


def table() -> Iterator[dict[str, Any]]:
    """The rows of the file, as objects; every hundredth amount is missing."""
    for row in range(ROWS):
        amount = None if row % 100 == 0 else float(AMOUNT[row])
        yield {"amount": amount, "age": int(AGE[row]), "plan": str(PLAN[row]), "region": str(REGION[row])}


@pytest.fixture
async def typed(connections: Connections) -> Model:
    """A registered model with a signature."""
    store = ConfigStore(connections, MODELS, time.time, random.Random(3))
    features = [
        Feature(name="amount", kind=FEATURE_KIND_NUMERIC),
        Feature(name="age", kind=FEATURE_KIND_CATEGORICAL),
    ]
    return (await store.create(Model(name="models/typed", signature=Signature(features=features)))).message
