"""The health check of containers, asked of real servers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.cli.healthy import context, healthy
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.identity.authorities import LOCAL, Authority


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server([], Settings())
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
async def guarded(tmp_path: Path, authority: Authority) -> AsyncIterator[Server]:
    """A server that wants to see certificates."""
    chain, key = authority.issue("suite", "suite", LOCAL)
    trusted = str(authority.path)
    made = Server([], Settings(tls_certificate=chain, tls_key=key, tls_client_authorities=trusted))
    await made.start()
    yield made
    await made.stop()


async def test_a_server_that_serves_is_healthy(server: Server) -> None:
    assert await healthy(server.address)


async def test_one_that_drains_is_not(server: Server) -> None:
    server.health.serving(False)
    assert not await healthy(server.address)


async def test_where_nobody_listens_nobody_is_healthy(server: Server) -> None:
    await server.stop()
    assert not await healthy(server.address)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\1\5\0\0\0\1"])
async def test_what_is_no_grpc_server_is_not_healthy(words: bytes) -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    stranger = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with stranger:
        assert not await healthy(f"127.0.0.1:{stranger.sockets[0].getsockname()[1]}")


async def test_a_server_with_mutual_tls_is_asked_with_our_certificate(
    guarded: Server, authority: Authority
) -> None:
    shown = authority.issue("probe", "probe")
    assert await healthy(guarded.address, context(str(authority.path), shown, unverified=False))
    assert not await healthy(guarded.address, context(str(authority.path), (), unverified=False))
    assert not await healthy(guarded.address)


async def test_our_own_server_may_be_certified_under_any_name(tmp_path: Path, authority: Authority) -> None:
    """A probe asks 127.0.0.1; the certificate names the service."""
    chain, key = authority.issue("elsewhere", "turnout-router")
    made = Server([], Settings(tls_certificate=chain, tls_key=key))
    await made.start()
    assert await healthy(made.address, context("", (), unverified=True))
    assert not await healthy(made.address, context(str(authority.path), (), unverified=False))
    await made.stop()


def test_a_certificate_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises((OSError, ssl.SSLError)):
        context(str(tmp_path / "none"), (), unverified=False)
