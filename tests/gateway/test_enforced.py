"""Reflection behind a gateway that enforces access: the wiring of its process, in this one."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2 as reflection
from pydantic import SecretStr

from services.foundation.access import UnsafeAddressError
from services.foundation.runtime import Runtime
from services.foundation.server import Server
from services.foundation.settings import Settings
from services.gateway.__main__ import build
from services.gateway.settings import GatewaySettings
from services.state.connection import Connections

KEY = "tk_" + "k" * 40


async def listed(address: str, **how: Any) -> set[str]:
    """What reflection lists."""
    async with grpc.aio.insecure_channel(address) as channel:
        path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        stream: Any = channel.stream_stream(path)
        asked = reflection.ServerReflectionRequest(list_services="").SerializeToString()
        replies = stream(iter([asked]), timeout=15, **how)
        raw = await replies.read()
        replies.cancel()
    reply = reflection.ServerReflectionResponse.FromString(raw)
    return {service.name for service in reply.list_services_response.service}


@pytest.fixture
async def address(redis_url: str, connections: Connections, tmp_path: Path) -> AsyncIterator[str]:
    """A gateway before services that have nothing but their health: reflection needs none of them."""
    well = Server([], Settings())
    await well.start()
    settings = GatewaySettings(
        **dict.fromkeys(("router", "aggregator", "feedback", "drift"), well.address),  # type: ignore[arg-type]
        port=0,
        redis_url=redis_url,
        directory=str(tmp_path / "envoy"),
        access_mode="enforced",
        access_service_token=SecretStr("s" * 40),
        access_bootstrap_key=SecretStr(KEY),
    )
    runtime = Runtime("gateway", settings, rng=random.Random(5))
    servicers = await build(settings, runtime)
    front = runtime.front
    assert front is not None
    server = Server(
        servicers, front.behind(), pool=front.pool, access=runtime.access, described=front.described
    )
    await server.start()
    try:
        yield (await front.open(server.address)).removeprefix("http://")
        await front.close()
    finally:
        await server.stop()
        await well.stop()
        await runtime.close()


async def test_reflection_tells_who_says_who_he_is(address: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(address)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert str(caught.value.details()).startswith(
        "reflection wants to know who calls: give an API key or a token"
    )
    names = await listed(address, metadata=[("x-api-key", KEY)])
    assert {"turnout.drift.v1.DriftService", "inference.GRPCInferenceService"} <= names


async def test_nobody_is_let_in_from_elsewhere_where_nobody_is_asked(redis_url: str) -> None:
    settings = GatewaySettings(port=0, host="0.0.0.0", redis_url=redis_url)  # noqa: S104
    with pytest.raises(UnsafeAddressError, match="only loopback is served"):
        await build(settings, Runtime("gateway", settings))
