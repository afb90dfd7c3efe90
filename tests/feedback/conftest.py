"""A feedback service on a real channel and a real Redis, and what the other services would write there."""

import itertools
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.feedback.assembly import Assembly, assemble
from services.feedback.settings import FeedbackSettings
from services.foundation.client import Client
from services.foundation.metrics import Metrics
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state import events, ids
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.kinds import MODELS, ROUTERS
from services.state.records import RecordWriter
from tests.feedback import recorded
from tests.state.background import running

SettingT = TypeVar("SettingT", bound="Setting")

SERVICE = "turnout.feedback.v1.FeedbackService"


class Setting:
    """A service, its router, and the hands of router and drift. Time is real, but `late` seconds later."""

    def __init__(self, connections: Connections, router: str = "127.0.0.1:50051") -> None:
        self.connections = connections
        self.late = 0.0
        self.client: Client
        self.router: Router
        self.partition = 0
        self.metrics = Metrics()
        self.settings = FeedbackSettings(parked_items=5, publish_seconds=0.02, router=router)
        self.parts = self.process(self.metrics)
        self.routers: ConfigStore[Router] = ConfigStore(connections, ROUTERS, time.time, random.Random(1))
        self.models: ConfigStore[Model] = ConfigStore(connections, MODELS, time.time, random.Random(2))
        self._sequence = itertools.count(1)
        self._number = itertools.count()

    def now(self) -> float:
        return time.time() + self.late

    def process(self, metrics: Metrics | None = None, seed: int = 3) -> Assembly:
        """One more process of the service; nothing of it runs yet."""
        return assemble(self.connections, self.settings, metrics or Metrics(), random.Random(seed), self.now)

    async def create(self, change: Callable[[Router], None] = lambda _: None, **fields: Any) -> Router:
        """Models a and b, and a router over them: a bandit unless `change` makes something else of it."""
        made = recorded.router(uid="", **fields)
        change(made)
        for name in ("models/a", "models/b"):
            if await self.models.find(name) is None:
                await self.models.create(Model(name=name))
        self.router = (await self.routers.create(made)).message
        self.partition = ids.partition_for(self.router.uid)
        await self.parts.follower.reconcile()
        return self.router

    def event(self, variant: str = "a", label: str = "yes", **how: Any) -> PredictionEvent:
        """The router's next prediction."""
        id_ = recorded.prediction_id(next(self._number), time.time(), self.partition)
        return recorded.event(id_, variant, label, uid=self.router.uid, **how)

    async def record(self, *those: PredictionEvent) -> None:
        """Write records, as drift does."""
        fence = Fence.of(self.partition, "drift", 1)
        await self.connections.steady.set(fence.key, fence.token)
        await RecordWriter(self.connections).write(self.partition, fence, "1-0", those)

    async def log(self, *those: PredictionEvent) -> None:
        """Append a batch of events, as a router does."""
        batch = EventBatch(predictions=[event.SerializeToString() for event in those])
        await events.append(self.connections, self.partition, batch, "writer", next(self._sequence))

    async def predict(self, variant: str = "a", label: str = "yes", **how: Any) -> str:
        """Record the router's next prediction; its id."""
        event = self.event(variant, label, **how)
        await self.record(event)
        return event.manifest.prediction_id

    async def ask(self, method: str, request: Message) -> Any:
        """Call the running service."""
        return await self.client.unary(SERVICE, method)(request, timeout=20)

    async def give(self, prediction_id: str, **outcome: Any) -> rpc.RecordFeedbackResponse:
        """Record feedback."""
        reply: rpc.RecordFeedbackResponse = await self.ask(
            "RecordFeedback", rpc.RecordFeedbackRequest(prediction_id=prediction_id, **outcome)
        )
        return reply

    async def rewards(self) -> RewardSnapshot:
        """What the router has learnt."""
        reply: rpc.GetRewardsResponse = await self.ask(
            "GetRewards", rpc.GetRewardsRequest(router=self.router.name)
        )
        return reply.rewards

    async def arm(self, variant: str = "a") -> Arm:
        """One arm of it."""
        return next(arm for arm in (await self.rewards()).arms if arm.variant == variant)

    def background(self, parts: Assembly | None = None) -> AbstractAsyncContextManager[None]:
        """Run what a process runs beside its servicer; at the end it vanishes without a word."""
        return running(*(work() for work in (parts or self.parts).works.values()))


@asynccontextmanager
async def opened(setting: SettingT) -> AsyncIterator[SettingT]:
    """The setting's service on a port, with a client; its background does not run."""
    server = Server([setting.parts.servicer], Settings())
    await server.start()
    setting.client = Client(server.address)
    try:
        yield setting
    finally:
        await setting.client.close()
        await setting.parts.router.close()
        await server.stop()


@asynccontextmanager
async def served(connections: Connections) -> AsyncIterator[Setting]:
    """A served service whose background does not run, and its router."""
    made = Setting(connections)
    await made.create()
    async with opened(made):
        yield made


@pytest.fixture
async def setting(connections: Connections) -> AsyncIterator[Setting]:
    """The same on the session's Redis."""
    async with served(connections) as made:
        yield made
