"""Alerts where access is enforced: who sees which, who changes what; where webhooks lead is for editors."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1.alert_memory_pb2 import AlertMemory
from turnout.drift.v1.alert_pb2 import ALERT_STATE_FIRING, Alert
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.alert_store import AlertStore
from tests.access.house import House, enforced
from tests.waiting import eventually

DRIFT = "turnout.drift.v1.DriftService"
URL = "https://hooks.example.com/services/T0/B0/secret-path"


@pytest.fixture
async def house(redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A router and a drift service with their callers."""
    async with enforced(redis_url, tmp_path, "router", "drift") as opened:
        yield opened
        await opened.connections.steady.flushdb()


def webhook(model: str) -> rpc.UpdateAlertConfigRequest:
    return rpc.UpdateAlertConfigRequest(model=model, config={"webhooks": [{"id": "ops", "url": URL}]})


async def test_settings_are_for_editors_and_so_is_where_webhooks_lead(house: House) -> None:
    await house.make("shared")
    for user in ("viewer", "predictor"):
        refused = await house.refusal(user, f"{DRIFT}/UpdateAlertConfig", webhook("shared"))
        assert refused.code == "PERMISSION_DENIED"
        refused = await house.refusal(user, f"{DRIFT}/TestAlert", rpc.TestAlertRequest(model="shared"))
        assert refused.code == "PERMISSION_DENIED"
    answer = await house.call("editor", f"{DRIFT}/UpdateAlertConfig", webhook("shared"))
    assert answer.config.webhooks[0].url == URL
    asked = rpc.GetAlertConfigRequest(model="shared")
    for user, url in (("editor", URL), ("owner", URL), ("viewer", "https://hooks.example.com/***")):
        found = await house.call(user, f"{DRIFT}/GetAlertConfig", asked)
        assert found.config.webhooks[0].url == url
    for method, request in (("GetAlertConfig", asked), ("ListAlerts", rpc.ListAlertsRequest(model="shared"))):
        hidden = await house.refusal("stranger", f"{DRIFT}/{method}", request)
        assert (hidden.code, hidden.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")


async def watched(house: House, user: str, **wanted: Any) -> list[str]:
    """Models whose alerts a user is told of."""
    stream = house.client(DRIFT).stream(DRIFT, "WatchAlerts")
    told: Any = stream(rpc.WatchAlertsRequest(**wanted), timeout=15, metadata=house.headers(user))
    found = list[str]()
    async for one in told:
        if one.caught_up:
            break
        found.append(one.alert.model)
    await told.aclose()
    return found


async def test_a_watch_tells_each_caller_of_the_models_that_he_may_see(house: House) -> None:
    await house.make("shared")
    await house.models.create(Model(name="models/hidden", owner="x"))
    for name in ("shared", "hidden"):
        alert = Alert(format=1, name=f"models/{name}/alerts/1", model=f"models/{name}")
        alert.state = ALERT_STATE_FIRING
        memory = AlertMemory(changes=1, unannounced=[alert])
        await AlertStore(house.connections).announce(f"uid-{name}", memory)

    async def both() -> bool:
        return sorted(await watched(house, "admin")) == ["models/hidden", "models/shared"]

    await eventually(both)

    async def only_his() -> bool:
        return await watched(house, "viewer") == ["models/shared"]

    await eventually(only_his)
    assert await watched(house, "stranger") == []
    assert await watched(house, "viewer", model="shared") == ["models/shared"]
    with pytest.raises(Exception, match="there is no models/hidden"):
        await watched(house, "stranger", model="hidden")
