"""The four services where access is enforced, in this process, and callers of every kind."""

import importlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import turnout
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from turnout.inference.v1.event_pb2 import EventBatch
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1.model_pb2 import Model, Permissions
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from services.aggregator.__main__ import build as aggregator
from services.aggregator.settings import AggregatorSettings
from services.drift.__main__ import build as drift
from services.drift.settings import DriftSettings
from services.feedback.__main__ import build as feedback
from services.feedback.settings import FeedbackSettings
from services.foundation.access import Access
from services.foundation.client import Client
from services.foundation.contract import method_of
from services.foundation.errors import RemoteError
from services.foundation.fellow import fellow
from services.foundation.handlers import Servicer
from services.foundation.metrics import Metrics
from services.foundation.runtime import Runtime
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.router.__main__ import build as router
from services.router.settings import RouterSettings
from services.state import events, ids
from services.state.configs import ConfigStore
from services.state.connection import Connections, connect
from services.state.fenced import Fence
from services.state.kinds import MODELS, ROUTERS
from services.state.records import RecordStore, RecordWriter
from tests.feedback import recorded
from tests.waiting import eventually

TOKEN = "a service token of tests, long enough"  # noqa: S105
BOOTSTRAP = "a bootstrap key of tests, long enough"
SHARED = Permissions(viewers=["viewer"], predictors=["predictor"], editors=["editor"])
USERS = ("stranger", "viewer", "predictor", "editor", "owner")
BUILDS: dict[str, tuple[Callable[..., Awaitable[Sequence[Servicer]]], type[Settings]]] = {
    "aggregator": (aggregator, AggregatorSettings),
    "feedback": (feedback, FeedbackSettings),
    "drift": (drift, DriftSettings),
    "router": (router, RouterSettings),
}

# A method of each service that asks who calls, and the field that it wants.
PROBES = {
    "router": ("turnout.router.v1.RouterService", "GetRouter", "name"),
    "aggregator": ("turnout.aggregator.v1.AggregatorService", "GetDivergence", "router"),
    "feedback": ("turnout.feedback.v1.FeedbackService", "GetRewards", "router"),
    "drift": ("turnout.drift.v1.DriftService", "GetActiveBaseline", "model"),
}

Header = tuple[str, str]


def contract() -> list[ServiceDescriptor]:
    """Every service of the contract, found in what was generated of it."""
    found: list[ServiceDescriptor] = []
    for folder in map(Path, turnout.__path__):
        for file in sorted(folder.rglob("*_pb2.py")):
            module = ".".join(("turnout", *file.relative_to(folder).with_suffix("").parts))
            described: FileDescriptor = importlib.import_module(module).DESCRIPTOR
            found += described.services_by_name.values()
    return found


class House:
    """Running services by the first word of their packages' last names, and a key per user."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.clients: dict[str, Client] = {}
        self.served: dict[str, Servicer] = {}
        self.guards: dict[str, Access] = {}
        self.metrics: dict[str, Metrics] = {}
        self.keys: dict[str, str] = {"admin": BOOTSTRAP}
        self.ids: dict[str, str] = {}
        self._number = itertools.count(1)
        rng = random.Random(1)
        self.routers: ConfigStore[Router] = ConfigStore(connections, ROUTERS, time.time, rng)
        self.models: ConfigStore[Model] = ConfigStore(connections, MODELS, time.time, rng)

    def client(self, service: str) -> Client:
        """The client of whoever serves `turnout.<name>.v1.…`."""
        return self.clients[service.split(".")[1]]

    def headers(self, user: str) -> list[Header]:
        """A user's credentials; none for `anonymous`."""
        return [] if user == "anonymous" else [("authorization", f"Bearer {self.keys[user]}")]

    async def call(self, user: str, method: str, request: Any, within: float = 15.0) -> Any:
        """`turnout.router.v1.Service/Method`, or `Service/Method` of the router, as `user`."""
        full = method if method.startswith("turnout.") else f"turnout.router.v1.{method}"
        service, _, name = full.partition("/")
        send = self.client(service).unary(service, name)
        return await send(request, timeout=within, metadata=self.headers(user))

    async def refusal(self, user: str, method: str, request: Any) -> RemoteError:
        """The error that a call ends with."""
        try:
            reply = await self.call(user, method, request)
        except RemoteError as error:
            return error
        raise AssertionError(f"{user} was let into {method}: {reply}")

    async def streams_open(self, number: int, service: str = "router") -> None:
        """Wait until so many streams are open at a service."""
        await eventually(lambda: len(self.guards[service].streams) == number)

    async def make_key(self, user: str, by: str = "admin", **how: Any) -> str:
        """A key of AccessService for a user, known to every service when this returns."""
        request = access.CreateApiKeyRequest(user=user, **how)
        made = await self.call(by, "AccessService/CreateApiKey", request)
        self.keys[user], self.ids[user] = made.secret, made.key.id
        for client in self.clients.values():
            await eventually(partial(self.knows, client, user))
        return str(made.secret)

    async def knows(self, client: Client, user: str) -> bool:
        """Whether a service takes the user's key. What it is asked about is not there."""
        name, method, field = PROBES[
            next((name for name, one in self.clients.items() if one is client), "router")
        ]
        request = method_of(name, method).request(**{field: "absent"})
        try:
            await client.unary(name, method)(request, timeout=15, metadata=self.headers(user))
        except RemoteError as refused:
            return refused.code != "UNAUTHENTICATED"
        return True

    async def make(self, name: str, **fields: Any) -> tuple[Router, Model]:
        """A router and a model of that id, owned by `owner` and shared with one user of each kind."""
        model = registration("cancer-bayes", "127.0.0.1:9")
        model.name, model.owner = f"models/{name}", "owner"
        model.permissions.CopyFrom(SHARED)
        held = Router(name=f"routers/{name}", owner="owner", permissions=SHARED)
        for key, value in fields.items():
            setattr(held, key, value)
        return (await self.routers.create(held)).message, (await self.models.create(model)).message

    async def log(self, router: Router) -> str:
        """A prediction of a router, as the event of one; its record comes by way of drift."""
        partition = ids.partition_for(router.uid)
        number = next(self._number)
        event = recorded.event(recorded.prediction_id(number, time.time(), partition), uid=router.uid)
        batch = EventBatch(predictions=[event.SerializeToString()])
        await events.append(self.connections, partition, batch, "writer", number)
        return event.manifest.prediction_id

    async def write_record(self, router: Router, prediction_id: str) -> None:
        """Write the record of a prediction as drift does, where drift does not run."""
        fence = Fence.of(ids.partition_for(router.uid), "drift", 1)
        await self.connections.steady.set(fence.key, fence.token)
        event = recorded.event(prediction_id, uid=router.uid)
        await RecordWriter(self.connections).write(ids.partition_for(router.uid), fence, "1-0", [event])
        await self.connections.steady.delete(fence.key)

    async def recorded(self, prediction_ids: Sequence[str]) -> None:
        """Wait until predictions have their records."""
        store = RecordStore(self.connections)

        async def all_there() -> bool:
            return len(await store.read_many(prediction_ids)) == len(prediction_ids)

        await eventually(all_there, within=30)


@asynccontextmanager
async def enforced(
    redis_url: str, folder: Path, *names: str, user_url: str = "", **told: Any
) -> AsyncIterator[House]:
    """The services of these names (all of them by default) with an empty Redis, and a key per user.
    `user_url`: how the services reach Redis, if not as the test does."""
    async with AsyncExitStack() as stack:
        connections = await stack.enter_async_context(connect(redis_url, hot_seconds=1.0))
        await connections.steady.flushdb()
        house = House(connections)
        for name in names or BUILDS:
            house.clients[name] = await stack.enter_async_context(
                service(house, name, user_url or redis_url, folder, told)
            )
        for user in USERS:
            await house.make_key(user)
        yield house


@asynccontextmanager
async def service(
    house: House, name: str, redis_url: str, folder: Path, told: dict[str, Any]
) -> AsyncIterator[Client]:
    """One service as a process wires it, and a client of it."""
    build, settings_type = BUILDS[name]
    how = {"redis_url": redis_url, "access_mode": "enforced", "access_service_token": TOKEN, **told}
    if name == "router":
        how |= {"spool_dir": str(folder / "spool")}
        how |= {
            one: client.target for one, client in house.clients.items() if one in ("aggregator", "feedback")
        }
    settings = settings_type(port=0, access_bootstrap_key=BOOTSTRAP, **how)
    runtime = Runtime(name, settings, rng=random.Random(5))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.close)
        servicers = await build(settings, runtime)
        house.metrics[name] = runtime.metrics
        house.served |= {one.SERVICE: one for one in servicers}
        if runtime.access is not None:
            house.guards[name] = runtime.access
        server = Server(servicers, settings, metrics=runtime.metrics, access=runtime.access)
        await server.start()
        stack.push_async_callback(server.stop)
        client = Client(server.address, credentials=fellow(settings)["credentials"])
        stack.push_async_callback(client.close)
        yield client
