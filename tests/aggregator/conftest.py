"""A real aggregator on a real channel, and real model servers for it to ask."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import InferRequest, InferResponse, Member, Plan
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from examples.fleet.catalog import registration
from examples.fleet.columns import BREAST_CANCER
from examples.fleet.data import holdout
from examples.fleet.server import ModelServer
from services.aggregator.registry import Registry
from services.aggregator.servicer import AggregatorServicer
from services.aggregator.watch import Watch
from services.foundation.client import Client
from services.foundation.errors import RemoteDeadlineExceeded
from services.foundation.metrics import Metrics
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.foundation.telemetry import Telemetry
from services.models.pool import ModelPool
from tests.fleet import fleet_model

DOCTORS = ("cancer-logistic", "cancer-boosting", "cancer-bayes")


class Bench:
    """The aggregator under test, and the model servers that it knows, by name."""

    def __init__(self, registry: Registry, metrics: Metrics, client: Client, stack: AsyncExitStack) -> None:
        self.registry = registry
        self.metrics = metrics
        self.servers: dict[str, ModelServer] = {}
        self.aggregate = client.unary(AggregatorServicer.SERVICE, "Aggregate")
        self.infer_stream = client.stream(AggregatorServicer.SERVICE, "InferStream")
        self._infer = client.unary(AggregatorServicer.SERVICE, "Infer")
        self._stack = stack

    async def seat(self, *names: str, seconds: float = 20.0) -> None:
        """Start models of the fleet and register them, patient ones: the machine may be busy."""
        for name in names:
            self.servers[name] = await self._stack.enter_async_context(fleet_model(name))
            self.register(registration(name, self.servers[name].address), seconds)

    def register(self, model: Model, seconds: float = 20.0) -> None:
        """Make a model known, as the catalog would."""
        model.uid = f"uid-of-{model.name}"
        model.timeout.FromNanoseconds(int(seconds * 1e9))
        self.registry.changed("models", model.uid, model)

    async def infer(
        self, plan: Plan, given: Input | None = None, *, seconds: float = 20.0, tries: int = 1
    ) -> InferResponse:
        """Ask; a patient's record unless another input is given. tries: also where the deadline passes."""
        request = InferRequest(plan=plan, input=patient() if given is None else given)
        for _ in range(tries - 1):
            with suppress(RemoteDeadlineExceeded):
                early: InferResponse = await self._infer(request, timeout=seconds)
                return early
        reply: InferResponse = await self._infer(request, timeout=seconds)
        return reply


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """An aggregator that knows no models yet."""
    rng, metrics = random.Random(5), Metrics()
    telemetry = Telemetry(rng=rng)
    pool = ModelPool(telemetry, rng)
    registry = Registry(pool)
    registry.loaded.set()
    server = Server(
        [AggregatorServicer(registry, Watch(metrics))],
        Settings(),
        telemetry=telemetry,
        metrics=metrics,
        rng=rng,
    )
    await server.start()
    client = Client(server.address)
    async with AsyncExitStack() as stack:
        yield Bench(registry, metrics, client, stack)
    await client.close()
    await server.stop()
    await pool.close()


@pytest.fixture
async def doctors(bench: Bench) -> Bench:
    """The same with three models of different schooling; the last one reads two columns only."""
    await bench.seat(*DOCTORS)
    return bench


def plan(*models: str, timeouts: Sequence[float | None] = (), **fields: Any) -> Plan:
    """A plan of these models, DOCTORS where none are named."""
    members = [Member(model=f"models/{name}") for name in models or DOCTORS]
    for member, seconds in zip(members, timeouts, strict=False):
        if seconds is not None:
            member.timeout.FromNanoseconds(int(seconds * 1e9))
    return Plan(members=members, ensemble=EnsembleStrategy(**fields))


def patient(row: int = 0, columns: Sequence[str] = BREAST_CANCER) -> Input:
    """One patient's record, or some columns of it."""
    features = dict(zip(BREAST_CANCER, holdout("breast-cancer", 0)[0][row].tolist(), strict=True))
    return Input(tabular=TabularInput(numeric_features={name: features[name] for name in columns}))


def diagnosis(row: int = 0) -> str:
    """What the patient of that row turned out to have."""
    return holdout("breast-cancer", 0)[1][row]
