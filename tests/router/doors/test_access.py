"""The Open Inference Protocol's door where access is enforced: its rules are ours, its contract is not."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from inference import open_inference_pb2 as wire

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.rules import Role, rules_of
from services.router.servicers.open_inference import OpenInferenceService
from services.state.connection import connect
from tests.access.house import House, enforced
from tests.keys_left import check_keys
from tests.router.doors.conftest import SERVICE, asked
from tests.waiting import eventually

USERS = ("anonymous", "stranger", "viewer", "predictor", "editor", "owner", "admin")


@pytest.fixture(scope="module")
async def house(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with enforced(redis_url, tmp_path_factory.mktemp("doors"), "router") as opened:
        await opened.make("cancer")
        await eventually(partial(listed, opened, "owner"), within=30)
        yield opened
    async with connect(redis_url) as connections:
        await check_keys(connections.steady)
        await connections.steady.flushdb()


async def listed(house: House, user: str) -> list[str]:
    index = await call(house, user, "RepositoryIndex", wire.RepositoryIndexRequest())
    return [one.name for one in index.models]


def client(house: House) -> Client:
    return house.clients["router"]


async def call(house: House, user: str, method: str, request: Any) -> Any:
    return await client(house).unary(SERVICE, method)(request, timeout=15, metadata=house.headers(user))


async def code(house: House, user: str, method: str, request: Any) -> str:
    try:
        await call(house, user, method, request)
    except RemoteError as refused:
        return refused.reason
    return "OK"


@pytest.mark.parametrize(
    ("method", "request_", "wanted"),
    [
        ("ServerLive", wire.ServerLiveRequest(), ["OK"] * 7),
        ("ServerReady", wire.ServerReadyRequest(), ["OK"] * 7),
        ("ServerMetadata", wire.ServerMetadataRequest(), ["OK"] * 7),
        ("RepositoryIndex", wire.RepositoryIndexRequest(), ["UNAUTHENTICATED", *["OK"] * 6]),
        (
            "ModelReady",
            wire.ModelReadyRequest(name="cancer"),
            ["UNAUTHENTICATED", "ROUTER_NOT_FOUND", *["OK"] * 5],
        ),
        (
            "ModelInfer",
            asked(),
            ["UNAUTHENTICATED", "ROUTER_NOT_FOUND", "PERMISSION_DENIED", *["ROUTER_NOT_RUNNING"] * 4],
        ),
    ],
)
async def test_each_method_lets_in_whom_its_rule_lets_in(
    house: House, method: str, request_: Any, wanted: list[str]
) -> None:
    assert [await code(house, user, method, request_) for user in USERS] == wanted


async def test_the_index_shows_a_stranger_nothing(house: House) -> None:
    assert await listed(house, "stranger") == []
    assert await listed(house, "viewer") == ["cancer"]


async def test_each_message_of_a_stream_needs_its_own_right(house: House) -> None:
    async def said(user: str) -> str:
        replies = client(house).exchange(SERVICE, "ModelStreamInfer")(
            [asked()], timeout=15, metadata=house.headers(user)
        )
        (reply,) = [one async for one in replies]
        return str(reply.error_message)

    assert "there is no routers/cancer" in await said("stranger")
    assert "PERMISSION_DENIED" in await said("viewer")
    assert "does not serve" in await said("predictor")


def test_every_method_has_a_rule() -> None:
    rules = rules_of(SERVICE, OpenInferenceService.ACCESS)
    assert rules.keys() == OpenInferenceService.ACCESS.keys()
    assert Role.UNSPECIFIED not in {rule.role for rule in rules.values()}
