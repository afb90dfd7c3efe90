"""TLS between the router and the aggregator: both show certificates, and users may show theirs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import Permissions
from turnout.router.v1.router_pb2 import Router

from examples.demo.register import introduce
from examples.fleet.catalog import registration
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.identity.certificates import channel_credentials
from services.state.connection import connect
from tests.access.house import TOKEN, House, enforced, service
from tests.fleet import fleet_model
from tests.foundation.identity.authorities import LOCAL, Authority
from tests.waiting import eventually

NAMES = ("cancer-bayes", "cancer-stump")
# Channels of one process share connections, and with them the certificate that was shown first.
ALONE = [("grpc.use_local_subchannel_pool", 1)]


class Town:
    """Services that know each other by an authority, and whom it knows besides."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority = authority
        chain, key = authority.issue("suite", "suite", LOCAL)
        trusted = str(authority.path)
        self.folder = folder
        self.told = {
            "tls_certificate": chain,
            "tls_key": key,
            "tls_client_authorities": trusted,
            "tls_authorities": trusted,
        }
        self.stack = AsyncExitStack()

    async def furnish(self, house: House) -> None:
        """A jury of two that ann may ask."""
        for name in NAMES:
            server = await self.stack.enter_async_context(fleet_model(name))
            request = models.RegisterModelRequest(model=registration(name, server.address))
            await house.call("admin", "ModelService/RegisterModel", request)
        jury = Router(name="routers/jury", variants=[{"model": name} for name in NAMES], ensemble={})
        jury.permissions.CopyFrom(Permissions(predictors=["ann"]))
        await house.call("admin", "RouterService/CreateRouter", routers.CreateRouterRequest(router=jury))
        await house.call("admin", "RouterService/DeployRouter", routers.DeployRouterRequest(name="jury"))

    async def ask(self, target: str, shown: tuple[str, str] | None, **how: Any) -> Any:
        """The jury's answer to whom a certificate names."""
        credentials = channel_credentials(str(self.authority.path), *(shown or ()))
        client = Client(target, credentials=credentials, options=ALONE)
        self.stack.push_async_callback(client.close)
        request = inference.PredictRequest(router="jury")
        request.input.row.update({"mean radius": 14.2, "mean texture": 20.1})
        send = client.unary("turnout.router.v1.InferenceService", "Predict")
        return await send(request, timeout=15, **how)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    town = Town(Authority(tmp_path, "authority"), tmp_path)
    async with town.stack:
        yield town


@pytest.fixture
async def house(redis_url: str, tmp_path: Path, town: Town) -> AsyncIterator[House]:
    """The router and the aggregator, each with the suite's certificate."""
    async with enforced(redis_url, tmp_path, "aggregator", "router", **town.told) as opened:
        await town.furnish(opened)
        yield opened
    async with connect(redis_url) as connections:
        await connections.steady.flushdb()


async def test_a_user_with_a_certificate_is_answered_by_way_of_both(house: House, town: Town) -> None:
    target = house.clients["router"].target

    async def answered() -> Any:
        try:
            return await town.ask(target, town.authority.issue("ann", "ann"))
        except RemoteError as error:
            raise AssertionError(str(error)) from error

    reply = await eventually(answered)
    assert [one.model for one in reply.manifest.participants] == [f"models/{name}" for name in NAMES]
    with pytest.raises(RemoteError) as caught:
        await town.ask(target, town.authority.issue("eve", "eve"))
    assert caught.value.reason == "ROUTER_NOT_FOUND"


async def test_the_demos_models_are_registered_by_a_certificate_and_a_token(
    house: House, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = town.told | {"access_mode": "enforced", "access_service_token": TOKEN}
    for key, value in told.items():
        monkeypatch.setenv(f"TURNOUT_{key.upper()}", value)
    await introduce(house.clients["router"].target, {"models/digits-svm": "127.0.0.1:9"})
    found = await house.call("admin", "ModelService/GetModel", models.GetModelRequest(name="digits-svm"))
    assert [one.address for one in found.model.endpoints] == ["127.0.0.1:9"]


async def test_without_a_certificate_nobody_gets_to_the_router(house: House, town: Town) -> None:
    stranger = Authority(town.folder, "stranger").issue("ann", "ann")
    for shown in (None, stranger):
        with pytest.raises(RemoteError) as caught:
            await town.ask(house.clients["router"].target, shown, metadata=house.headers("admin"))
        assert caught.value.code == "UNAVAILABLE"


async def test_a_router_without_a_certificate_does_not_get_to_the_aggregator(
    house: House, town: Town, redis_url: str
) -> None:
    told = {**town.told, "tls_client_authorities": ""}
    other = await town.stack.enter_async_context(
        service(house, "router", redis_url, town.folder / "other", told)
    )
    with pytest.raises(RemoteError) as caught:
        await town.ask(other.target, None, metadata=house.headers("admin"))
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
