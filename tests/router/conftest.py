"""A real router process' wiring in this process: its own port, real Redis, real models of the fleet."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from turnout.aggregator.v1.aggregator_service_pb2 import DESCRIPTOR as _AGGREGATOR
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from examples.fleet.server import ModelServer
from services.foundation.client import Client, Unary
from services.foundation.runtime import Runtime
from services.foundation.server import Server
from services.router.__main__ import build
from services.router.settings import RouterSettings
from services.state.connection import Connections
from tests.fleet import fleet_model

assert _AGGREGATOR  # its descriptor must be in the pool before a client of it is made

BAYES = {"mean radius": 14.2, "mean texture": 20.1}


class Desk:
    """A running router, its methods as a client calls them, and the models that it knows."""

    def __init__(self, server: Server, runtime: Runtime, stack: AsyncExitStack) -> None:
        self.address = server.address
        self.runtime = runtime
        self.metrics = runtime.metrics
        self.servers: dict[str, ModelServer] = {}
        self._stack = stack
        self._client = Client(server.address)

    def _of(self, service: str) -> Callable[[str], Unary]:
        return lambda method: self._client.unary(f"turnout.router.v1.{service}", method)

    async def call(self, method: str, request: Any, *, within: float = 20.0, **how: Any) -> Any:
        """`Service/Method` of the router."""
        service, _, name = method.partition("/")
        return await self._of(service)(name)(request, timeout=within, **how)

    async def seat(self, *names: str, patience: float = 10.0) -> None:
        """Start models of the fleet and register them, patient ones: the machine may be busy."""
        for name in names:
            self.servers[name] = await self._stack.enter_async_context(fleet_model(name))
            await self.register(registration(name, self.servers[name].address), patience)

    async def register(self, model: Model, patience: float = 10.0) -> Model:
        """Register a model with a timeout in seconds."""
        model.timeout.FromNanoseconds(int(patience * 1e9))
        request = models.RegisterModelRequest(model=model)
        return (await self.call("ModelService/RegisterModel", request)).model  # type: ignore[no-any-return]

    async def create(self, name: str, router: Router) -> Router:
        """Create without deploying."""
        request = routers.CreateRouterRequest(router_id=name, router=router)
        return (await self.call("RouterService/CreateRouter", request)).router  # type: ignore[no-any-return]

    async def deploy(self, name: str, router: Router | None = None) -> Router:
        """Create (where a router is given) and deploy."""
        if router is not None:
            await self.create(name, router)
        request = routers.DeployRouterRequest(name=name)
        return (await self.call("RouterService/DeployRouter", request)).router  # type: ignore[no-any-return]

    async def predict(self, router: str, row: dict[str, Any] | None = None, **how: Any) -> Any:
        """Ask with a row."""
        request = inference.PredictRequest(router=router, **how)
        request.input.row.update(BAYES if row is None else row)
        return await self.call("InferenceService/Predict", request)

    async def close(self) -> None:
        """Close the client's channel."""
        await self._client.close()


@asynccontextmanager
async def running_router(redis_url: str, folder: Path, **told: Any) -> AsyncIterator[Desk]:
    """A router with its background tasks, drained on the way out."""
    settings = RouterSettings(
        port=0, metrics_port=0, redis_url=redis_url, spool_dir=str(folder / "spool"), **told
    )
    runtime = Runtime("router", settings, rng=random.Random(11))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.close)
        servicers = await build(settings, runtime)
        server = Server(servicers, settings, telemetry=runtime.telemetry, metrics=runtime.metrics)
        await server.start()
        stack.push_async_callback(server.stop)
        runtime.address = server.address
        desk = Desk(server, runtime, stack)
        stack.push_async_callback(desk.close)
        yield desk


@pytest.fixture
async def desk(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router on the tests' Redis, with two doctors registered."""
    async with running_router(redis_url, tmp_path) as opened:
        await opened.seat("cancer-bayes", "cancer-stump")
        yield opened


def doctors(**strategy: Any) -> Router:
    """A router over the two doctors."""
    return Router(variants=[{"model": "cancer-bayes"}, {"model": "cancer-stump"}], **strategy)
