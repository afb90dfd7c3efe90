"""A drift service with its schedules, on a clock of its own: nothing waits for an hour to pass."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1.alert_pb2 import Alert
from turnout.drift.v1.alert_rpc_pb2 import ListAlertsRequest
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.building import AlertWorks, desk_of, works_of
from services.drift.alerts.courier import Courier
from services.drift.alerts.desk import AlertDesk
from services.drift.baseline_store import BaselineStore
from services.drift.build import servicer_of
from services.drift.consumer import GROUP
from services.drift.folding import add
from services.drift.placing import place
from services.drift.profile_store import ProfileStore
from services.drift.rows import Row
from services.drift.schedule.rota import Rota
from services.drift.schedule.timetable import SETTLE_SECONDS
from services.foundation.client import Client
from services.foundation.metrics import Metrics
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.ids import partition_for
from services.state.kinds import MODELS
from services.state.ownership import Ownership
from tests.drift.alerts.receiver import Receiver, receiving
from tests.drift.conftest import Ask, creation
from tests.state.background import running

HOUR = 3600
SECRET = "a secret of many characters"  # noqa: S105 (of the test)


class Clock:
    """Tells the time that tests set: at first a full hour of just now."""

    def __init__(self) -> None:
        self.time = float(int(time.time()) // HOUR * HOUR)

    def __call__(self) -> float:
        return self.time


class Station:
    """One replica: what it leads, and what it does in the background, a round at a time."""

    def __init__(
        self, connections: Connections, clock: Clock, name: str, desk: AlertDesk, lease: float
    ) -> None:
        self.desk = desk
        self.metrics = Metrics()
        self.clock = clock
        self.ownership = Ownership(connections, GROUP, name, rng=random.Random(name), lease_seconds=lease)
        self.connections = connections
        self.works: AlertWorks = works_of(
            connections, desk, self.ownership, {}, self.metrics, clock, random.Random(name)
        )

    @property
    def rota(self) -> Rota:
        return self.works.rota

    @property
    def courier(self) -> Courier:
        return self.works.courier

    async def hour(self, *, told: bool = True) -> int:
        """Let an hour pass and make the looks that are due then; deliver what is to be told."""
        self.clock.time += HOUR
        end = self.clock.time // HOUR * HOUR
        self.clock.time = end + SETTLE_SECONDS
        looks = await self.rota.round()
        if told:
            await self.courier.round()
        self.clock.time = end
        return looks

    async def log(self, model: Model, rows: int, age: float = 40.0, seed: int = 0) -> None:
        """Let a model see so many customers of about that age in the hour to come."""
        rng = np.random.default_rng([int(self.clock.time), seed])
        made = [
            Row(
                self.clock.time + float(at),
                {"age": float(rng.normal(age, 10)), "amount": float(rng.lognormal(3, 1))},
                {"plan": str(rng.choice(["basic", "gold"]))},
            )
            for at in rng.uniform(0, HOUR, rows)
        ]
        baseline = await BaselineStore(self.connections).get_active(model.name, model.uid)
        partition = partition_for(model.uid)
        profiles = add(baseline, {}, place({f"{int(self.clock.time)}-0": made}, self.clock.time + HOUR))
        store = ProfileStore(self.connections)
        fence = self.ownership.fence(partition)
        await store.write(partition, fence, baseline, profiles, self.clock.time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def model(connections: Connections, clock: Clock) -> Model:
    """A registered model, made by the test's clock."""
    store = ConfigStore(connections, MODELS, clock, random.Random(1))
    return (await store.create(Model(name="models/churn"))).message


@asynccontextmanager
async def stationed(
    connections: Connections, clock: Clock, name: str, lease: float = 1.5
) -> AsyncIterator[Station]:
    """A replica that leads every partition that nobody else does; it vanishes as a killed one does, and its
    lease, in seconds, runs out."""
    desk = desk_of(connections, clock, random.Random(name))
    station = Station(connections, clock, name, desk, lease)
    await station.ownership.round()
    async with running(station.ownership.run()):
        yield station
    await desk.sender.close()


@pytest.fixture
async def station(connections: Connections, clock: Clock) -> AsyncIterator[Station]:
    # A machine that stands still for a while must not cost it what it leads.
    async with stationed(connections, clock, "first", lease=10.0) as one:
        yield one


@pytest.fixture
async def ask(connections: Connections, clock: Clock, station: Station) -> AsyncIterator[Ask]:
    """Calls a method of a running DriftService on the test's clock."""
    servicer = servicer_of(connections, clock, random.Random(2), alerts=station.desk)
    server = Server([servicer], Settings())
    await server.start()
    client = Client(server.address)

    async def call(method: str, request: Any) -> Any:
        return await client.unary("turnout.drift.v1.DriftService", method)(request, timeout=20)

    yield call
    await client.close()
    await server.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def watched(ask: Ask, model: Model, receiver: Receiver) -> Model:
    """A model with a baseline, an hourly schedule and a webhook."""
    await ask("CreateBaseline", creation())
    await ask("UpdateAlertConfig", settings(webhooks=[hook(receiver)]))
    return model


def hook(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    """A webhook that leads there."""
    return {"id": "ops", "url": receiver.url, "secret": SECRET, **changes}


def settings(**changes: Any) -> rpc.UpdateAlertConfigRequest:
    """A request for an hourly schedule that raises and clears with two looks, told at once."""
    config: dict[str, Any] = {
        "schedule": {"enabled": True},
        "hysteresis": {"bad_looks": 2, "of_looks": 2, "good_looks": 2},
        "cooldown": {"seconds": 0},
        **changes,
    }
    return rpc.UpdateAlertConfigRequest(model="churn", config=config)


async def alerts(ask: Ask, **filters: Any) -> list[Alert]:
    """The model's alerts, newest first."""
    return list((await ask("ListAlerts", ListAlertsRequest(model="churn", **filters))).alerts)
