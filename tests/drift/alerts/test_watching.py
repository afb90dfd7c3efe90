"""WatchAlerts and ListAlerts over a real channel: what fires, what changes, from whichever replica."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1.alert_config_pb2 import ALERT_SEVERITY_ALERT
from turnout.drift.v1.alert_memory_pb2 import AlertMemory
from turnout.drift.v1.alert_pb2 import ALERT_STATE_FIRING, ALERT_STATE_RESOLVED, Alert
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts import alert_store
from services.drift.alerts.building import desk_of
from services.drift.alerts.desk import AlertDesk
from services.drift.build import servicer_of
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.state.connection import Connections
from tests.drift.alerts.conftest import Clock, Station, alerts
from tests.drift.conftest import Ask
from tests.state.background import running

FIRING, RESOLVED = ALERT_STATE_FIRING, ALERT_STATE_RESOLVED


@pytest.fixture
async def desk(connections: Connections, clock: Clock) -> AlertDesk:
    """That of a replica that leads nothing."""
    return desk_of(connections, clock, random.Random(9))


@pytest.fixture
async def replica(connections: Connections, clock: Clock, desk: AlertDesk) -> AsyncIterator[Client]:
    """A client of a replica that leads nothing: what it tells it has heard from others."""
    server = Server([servicer_of(connections, clock, random.Random(8), alerts=desk)], Settings())
    await server.start()
    client = Client(server.address)
    async with running(desk.feed.run()):
        yield client
    await client.close()
    await server.stop()


@asynccontextmanager
async def watching(client: Client, **wanted: Any) -> AsyncIterator[AsyncIterator[rpc.WatchAlertsResponse]]:
    call: Any = client.stream("turnout.drift.v1.DriftService", "WatchAlerts")(
        rpc.WatchAlertsRequest(**wanted), timeout=20
    )
    try:
        yield aiter(call)
    finally:
        await call.aclose()


async def until_caught_up(told: AsyncIterator[rpc.WatchAlertsResponse]) -> list[rpc.WatchAlertsResponse]:
    found = [await anext(told)]
    while not found[-1].caught_up:
        found.append(await anext(told))
    return found


async def drift(station: Station, model: Model, *ages: float) -> None:
    for age in ages:
        await station.log(model, 500, age)
        await station.hour()


def change(number: int, state: int = FIRING, model: str = "models/churn") -> AlertMemory:
    """A memory whose last change is an alert of that number."""
    alert = Alert(format=1, name=f"{model}/alerts/{number:04}", model=model)
    alert.state, alert.peak_severity = state, 1  # type: ignore[assignment]
    return AlertMemory(changes=number, unannounced=[alert])


async def test_what_fires_comes_first_then_each_change(
    watched: Model, station: Station, replica: Client
) -> None:
    await drift(station, watched, 60, 60)
    async with watching(replica) as told:
        first, done = await until_caught_up(told)
        assert (first.current, first.alert.state, first.alert.model) == (True, FIRING, "models/churn")
        assert not done.HasField("alert")
        await drift(station, watched, 40, 40)
        later = await anext(told)
        assert (later.current, later.alert.state) == (False, RESOLVED)
        assert later.alert.name == first.alert.name


async def test_who_comes_back_with_his_token_misses_nothing_and_hears_nothing_twice(
    watched: Model, station: Station, replica: Client
) -> None:
    async with watching(replica) as told:
        (start,) = await until_caught_up(told)
    await drift(station, watched, 60, 60, 40, 40)
    async with watching(replica, resume_token=start.resume_token) as told:
        raised, cleared, _ = await until_caught_up(told)
    assert [raised.alert.state, cleared.alert.state] == [FIRING, RESOLVED]
    assert not raised.current
    async with watching(replica, resume_token=raised.resume_token) as told:
        again, _ = await until_caught_up(told)
    assert again.alert == cleared.alert


async def test_after_too_long_an_absence_what_fires_comes_again(
    station: Station, replica: Client, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_store, "MOST_CHANGES", 10)
    store = station.desk.store
    await store.announce("u", change(1))
    async with watching(replica) as told:
        token = (await until_caught_up(told))[-1].resume_token
    for number in range(2, 400):
        await store.announce("u", change(number, RESOLVED if number < 399 else FIRING))
    async with watching(replica, resume_token=token) as told:
        found = await until_caught_up(told)
    assert {one.alert.name[-4:] for one in found[:-1]} == {"0001", "0399"}
    assert all(one.current for one in found[:-1])


async def test_a_change_is_told_once_however_often_it_is_announced(station: Station, replica: Client) -> None:
    store = station.desk.store
    async with watching(replica) as told:
        await until_caught_up(told)
        assert [await store.announce("u", change(1)) for _ in range(3)] == [1, 0, 0]
        await store.announce("u", change(2, RESOLVED))
        numbers = [(await anext(told)).alert.name[-4:] for _ in range(2)]
    assert numbers == ["0001", "0002"]


async def test_filters_leave_out_other_models_and_milder_alerts(
    model: Model, station: Station, replica: Client
) -> None:
    store = station.desk.store
    await store.announce("u", change(1, model="models/other"))
    await store.announce("v", change(1))
    async with watching(replica, model="churn") as told:
        found = await until_caught_up(told)
    assert [one.alert.model for one in found[:-1]] == ["models/churn"]
    async with watching(replica, min_severity=ALERT_SEVERITY_ALERT) as told:
        assert len(await until_caught_up(told)) == 1


async def test_a_watch_ends_in_good_order_when_the_process_drains(replica: Client, desk: AlertDesk) -> None:
    async with watching(replica) as told:
        await until_caught_up(told)
        desk.feed.close()
        async with asyncio.timeout(10):
            with pytest.raises(StopAsyncIteration):
                await anext(told)


@pytest.mark.parametrize(
    ("wanted", "field"), [({"resume_token": "nonsense"}, "resume_token"), ({"model": "Ü"}, "model"),
                          ({"model": "ghost"}, "model"), ({"min_severity": 7}, "min_severity")],
)  # fmt: skip
async def test_a_watch_that_cannot_be_is_refused_by_its_field(
    replica: Client, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(RemoteError) as refused:
        async with watching(replica, **wanted) as told:
            await anext(told)
    assert refused.value.fields[0].field == field


async def test_alerts_are_listed_newest_first_in_pages_and_by_state(
    ask: Ask, watched: Model, station: Station
) -> None:
    await drift(station, watched, 60, 60, 40, 40, 60, 60, 40, 40, 60, 60)
    every = await alerts(ask)
    assert [one.state for one in every] == [FIRING, RESOLVED, RESOLVED]
    assert [one.fire_time.seconds for one in every] == sorted(
        (one.fire_time.seconds for one in every), reverse=True
    )
    first = await ask("ListAlerts", rpc.ListAlertsRequest(model="churn", page_size=2))
    rest = rpc.ListAlertsRequest(model="churn", page_size=2, page_token=first.next_page_token)
    second = await ask("ListAlerts", rest)
    assert [*first.alerts, *second.alerts] == every
    assert second.next_page_token == ""
    assert await alerts(ask, state=FIRING) == every[:1]
    assert await alerts(ask, state=RESOLVED) == every[1:]
    assert await alerts(ask, min_severity=ALERT_SEVERITY_ALERT) == every
