"""A registry that is down, slow, wrong or somebody else's: told by its field, and nothing is written."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from turnout.router.v1.model_service_pb2 import ImportModelsRequest

from services.foundation.errors import PermissionDenied, RemoteError
from services.foundation.identity.caller import Caller
from services.router.registries.address import check_allowed, read_address
from services.router.registries.fetching import MOST_BYTES
from services.state.connection import Connections
from tests.router.conftest import Desk, running_router
from tests.router.registries.mlflow_server import MlflowServer, mlflow_server
from tests.router.registries.test_importing import bring, model, refused, template
from tests.router.resource.asking import ask, fields_of


@pytest.fixture
async def registry() -> AsyncIterator[MlflowServer]:
    async with mlflow_server() as server:
        yield server


@pytest.fixture
async def bare(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[Desk]:
    """A router that knows no model."""
    async with running_router(redis_url, tmp_path) as opened:
        yield opened


NOT_MLFLOW = {"registered_models": [{"name": ["a"]}]}
CIRCLE = {"registered_models": [], "next_page_token": "again"}


@pytest.mark.parametrize(
    ("body", "status", "reason", "says"),
    [
        (b"<!doctype html><p>Log in", 200, "REGISTRY_UNUSABLE", "HTML"),
        (b"{'a'", 200, "REGISTRY_UNUSABLE", "not JSON"),
        (b"[" * 100_000, 200, "REGISTRY_UNUSABLE", "not JSON"),
        (b"[]", 200, "REGISTRY_UNUSABLE", "no object"),
        (b'{"registered_models": {}}', 200, "REGISTRY_UNUSABLE", "no list"),
        (json.dumps(NOT_MLFLOW).encode(), 200, "REGISTRY_UNUSABLE", "name is missing"),
        (json.dumps(CIRCLE).encode(), 200, "REGISTRY_UNUSABLE", "in a circle"),
        (b" " * (MOST_BYTES + 1), 200, "REGISTRY_UNUSABLE", "more than"),
        (b"the operator's secrets", 401, "REGISTRY_UNUSABLE", "credentials"),
        (b"", 302, "REGISTRY_UNUSABLE", "redirects"),
        (b'{"error_code": "X", "message": "no such thing"}', 404, "REGISTRY_UNUSABLE", "no such thing"),
        (b"", 503, "REGISTRY_UNAVAILABLE", "HTTP 503"),
    ],
)
async def test_a_registry_that_is_none_is_told_by_its_field(
    bare: Desk, registry: MlflowServer, body: bytes, status: int, reason: str, says: str
) -> None:
    registry.answering(body, status, Location="http://127.0.0.1:1/")
    error = await refused(bare, registry)
    assert (error.reason, fields_of(error)) == (reason, ["registry_uri"])
    assert says in error.message
    assert "secrets" not in error.message
    assert not (await ask(bare, "ModelService/ListModels")).models


async def test_a_failure_is_tried_once_more(bare: Desk, registry: MlflowServer) -> None:
    registry.add("churn", "1", ("champion",))

    async def stumble(request: web.Request) -> web.StreamResponse:
        registry.behave = None
        return web.Response(status=500)

    registry.behave = stumble
    assert list((await bring(bare, registry)).created) == ["models/churn-v1"]
    registry.answering(b"", 500)
    registry.asked.clear()
    await refused(bare, registry)
    assert len(registry.asked) == 2


async def test_a_registry_that_fails_half_way_leaves_nothing(bare: Desk, registry: MlflowServer) -> None:
    for name in ("a", "b", "c"):
        registry.add(name, "1", ("champion",))

    async def give_out(request: web.Request) -> web.StreamResponse:
        registry.behave = None
        try:
            if request.query.get("filter") == "name='c'":
                return web.Response(status=400)
            return await registry.answer(request)
        finally:
            registry.behave = give_out

    registry.behave = give_out
    assert (await refused(bare, registry)).reason == "REGISTRY_UNUSABLE"
    assert not (await ask(bare, "ModelService/ListModels")).models


async def test_a_registry_that_hangs_costs_the_callers_time_and_no_more(
    bare: Desk, registry: MlflowServer
) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    registry.behave = hang
    request = ImportModelsRequest(registry_uri=registry.uri, template=template())
    with pytest.raises(RemoteError, match="registry_uri: no answer within") as caught:
        await bare.call("ModelService/ImportModels", request, within=2.0)
    assert caught.value.reason == "REGISTRY_UNAVAILABLE"


async def test_a_registry_that_is_down_is_unavailable(bare: Desk) -> None:
    async with mlflow_server() as gone:
        pass
    error = await refused(bare, gone)
    assert (error.code, error.reason) == ("UNAVAILABLE", "REGISTRY_UNAVAILABLE")


async def test_the_secret_is_sent_as_a_bearer_token_and_never_told(
    bare: Desk, registry: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TOKEN_OF_TESTS", "hunter2")
    registry.add("churn", "1", ("champion",))
    await bring(bare, registry, secret_ref="env:MLFLOW_TOKEN_OF_TESTS")
    assert registry.headers["Authorization"] == "Bearer hunter2"
    assert (await model(bare, "churn-v1")).secret_ref == ""
    registry.answering(b'{"error_code": "X", "message": "hunter2 is wrong"}', 401)
    error = await refused(bare, registry, secret_ref="env:MLFLOW_TOKEN_OF_TESTS")
    assert "*** is wrong" in error.message


@pytest.mark.parametrize(
    ("hosts", "uri", "allowed"),
    [
        ((), "mlflow+http://inside:5000", False),
        (("inside",), "mlflow+http://inside:5000", True),
        (("Inside:5000",), "mlflow+http://inside:5000/base", True),
        (("inside:5000",), "mlflow+http://inside:5001", False),
        (("inside",), "mlflow+http://inside.evil:5000", False),
    ],
)
def test_whoever_is_no_administrator_imports_from_listed_hosts_alone(
    hosts: tuple[str, ...], uri: str, allowed: bool
) -> None:
    address = read_address(uri, ["mlflow"])
    check_allowed(address, hosts, Caller("root", "", admin=True))
    if allowed:
        check_allowed(address, hosts, Caller("ann", "", admin=False))
        return
    with pytest.raises(PermissionDenied) as caught:
        check_allowed(address, hosts, Caller("ann", "", admin=False))
    assert caught.value.fields[0].field == "registry_uri"
