"""An aggregator that follows a catalog and counts panels, on a real Redis and a real channel."""

import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import (
    GetDivergenceRequest,
    GetRoutingEfficiencyRequest,
    InferRequest,
    InferResponse,
    Plan,
)
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.aggregator.divergence.assembly import observing
from services.aggregator.divergence.collector import Collector
from services.aggregator.registry import Registry
from services.aggregator.servicer import AggregatorServicer
from services.aggregator.watch import Watch
from services.foundation.client import Client
from services.foundation.metrics import Metrics
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from services.state.catalog import CatalogFollower
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.kinds import MODELS, ROUTERS
from tests.aggregator.conftest import DOCTORS, patient
from tests.fleet import fleet_model

ROUTER = "routers/ward"
REQUESTS: dict[str, Any] = {
    "GetDivergence": GetDivergenceRequest,
    "GetRoutingEfficiency": GetRoutingEfficiencyRequest,
}


class Ward:
    """The service under test, its models, and the router whose panels it counts. Time is real, but `late`
    seconds later; nothing is written but when it is asked."""

    def __init__(self, connections: Connections, follower: CatalogFollower, client: Client) -> None:
        self.connections, self.follower = connections, follower
        self.metrics, self.late = Metrics(), 0.0
        self.collector, self.insight = self.process(5)
        self.models: ConfigStore[Model] = ConfigStore(connections, MODELS, time.time, random.Random(1))
        self.routers: ConfigStore[Router] = ConfigStore(connections, ROUTERS, time.time, random.Random(2))
        self.client = client

    def now(self) -> float:
        return time.time() + self.late

    def process(self, seed: int) -> tuple[Collector, Any]:
        """What one more process counts with."""
        return observing(self.connections, self.follower, self.metrics, random.Random(seed), self.now)

    async def open(self, name: str = ROUTER, members: Sequence[str] = DOCTORS) -> Router:
        """A router over these models."""
        made = Router(name=name)
        for member in members:
            made.variants.add(id=member, model=f"models/{member}", enabled=True)
        made.ensemble.SetInParent()
        created = (await self.routers.create(made)).message
        await self.follower.reconcile()
        return created

    async def ask(self, method: str, **fields: Any) -> Any:
        """Call a method about the router."""
        request = REQUESTS[method](**{"router": "ward", **fields})
        return await self.client.unary(AggregatorServicer.SERVICE, method)(request, timeout=20)

    async def infer(self, plan: Plan, row: int = 0, router: str = "ward", id_: str = "") -> InferResponse:
        """Ask the panel about a patient."""
        request = InferRequest(plan=plan, input=patient(row), router=router, prediction_id=id_)
        reply: InferResponse = await self.client.unary(AggregatorServicer.SERVICE, "Infer")(
            request, timeout=20
        )
        return reply


@pytest.fixture
async def ward(connections: Connections) -> AsyncIterator[Ward]:
    """The service with its router, whose models are not there yet."""
    rng = random.Random(5)
    telemetry = Telemetry(rng=rng)
    pool = ModelPool(telemetry, rng)
    registry = Registry(pool)
    follower = CatalogFollower(connections, rng=rng, on_change=registry.changed)
    registry.loaded = follower.ready
    await follower.reconcile()
    made = Ward(connections, follower, Client("127.0.0.1:1"))
    servicer = AggregatorServicer(registry, Watch(made.metrics), None, made.collector, made.insight)
    server = Server([servicer], Settings(), telemetry=telemetry, metrics=made.metrics, rng=rng)
    await server.start()
    await made.client.close()
    made.client = Client(server.address)
    await made.open()
    yield made
    await made.client.close()
    await server.stop()
    await pool.close()


@pytest.fixture
async def doctors(ward: Ward) -> AsyncIterator[Ward]:
    """The same with its three models running."""
    async with AsyncExitStack() as stack:
        for name in DOCTORS:
            served = await stack.enter_async_context(fleet_model(name))
            model = registration(name, served.address)
            model.timeout.FromSeconds(20)
            await ward.models.create(model)
        await ward.follower.reconcile()
        yield ward
