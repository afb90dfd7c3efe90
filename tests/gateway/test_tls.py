"""TLS of a gateway: towards callers, towards services, and new certificates without a restart."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from services.foundation.client import Client
from services.foundation.identity.certificates import channel_credentials
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.identity.authorities import LOCAL, Authority
from tests.gateway.curl import curl
from tests.gateway.desk import CONTRACT, SERVICE, Note
from tests.gateway.opening import Opened, opened
from tests.waiting import eventually


async def shown_by(gateway: Opened, trusted: str, own: tuple[str, str]) -> str:
    """The serial number of the certificate that the gateway shows to a new caller."""
    context = ssl.create_default_context(cafile=trusted)
    # Authorities of tests say less of themselves than strictness wants.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.load_cert_chain(*own)
    host, port = gateway.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    told: str = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    return told


async def test_both_sides_are_spoken_to_by_mtls_and_certificates_are_renewed(tmp_path: Path) -> None:
    """The gateway shows services the suite's certificate, callers show theirs."""
    authority = Authority(tmp_path, "authority")
    trusted, mine = str(authority.path), authority.issue("ann", "ann")
    chain, key = authority.issue("suite", "suite", LOCAL)
    suite: dict[str, Any] = {"tls_certificate": chain, "tls_key": key, "tls_client_authorities": trusted}
    async with opened(tmp_path / "envoy", behind=suite, **suite, tls_authorities=trusted) as gateway:
        assert gateway.url.startswith("https://")
        where = f"{gateway.url}/v1/desks/one"
        reply = await curl(where, "--cacert", trusted, "--cert", mine[0], "--key", mine[1])
        assert (reply.code, reply.json["who"]) == (200, "desk-0")
        with pytest.raises(RuntimeError):
            await curl(where, "--cacert", trusted)
        client = Client(gateway.address, pool=CONTRACT.pool, credentials=channel_credentials(trusted, *mine))
        assert (await client.unary(SERVICE, "Write")(Note(text="safe"), timeout=15)).text == "safe"
        await client.close()
        before = await shown_by(gateway, trusted, mine)
        renewing = asyncio.ensure_future(gateway.door.renew_certificates())
        try:
            authority.issue("suite", "suite", LOCAL)

            async def renewed() -> bool:
                return await shown_by(gateway, trusted, mine) != before

            await eventually(renewed)
        finally:
            renewing.cancel()


async def test_a_service_that_is_not_who_its_address_says_is_not_spoken_to(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    chain, key = stranger.issue("suite", "suite", LOCAL)
    behind = {"tls_certificate": chain, "tls_key": key}
    # Nobody behind is ever well, so that the start would wait for them.
    told: dict[str, Any] = {"tls_authorities": str(authority.path), "patience": 0.1}
    async with opened(tmp_path / "envoy", behind=behind, **told) as gateway:
        reply = await curl(f"{gateway.url}/v1/desks/one")
        assert (reply.code, reply.reason) == (503, "SERVICE_UNAVAILABLE")


async def test_certificates_towards_services_are_renewed_too(tmp_path: Path) -> None:
    """A service comes back with a certificate of another authority, and asks for one of that."""
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(first.path.read_bytes())
    chain, key = first.issue("suite", "suite", LOCAL)
    suite: dict[str, Any] = {"tls_certificate": chain, "tls_key": key, "tls_client_authorities": str(trusted)}
    async with opened(tmp_path / "envoy", behind=suite, **suite, tls_authorities=str(trusted)) as gateway:
        renewing = asyncio.ensure_future(gateway.door.renew_certificates())
        try:
            await gateway.servers[0].stop()
            trusted.write_bytes(second.path.read_bytes())
            second.issue("suite", "suite", LOCAL)
            again = Server(gateway.desks, Settings(port=gateway.servers[0].port, **suite), pool=CONTRACT.pool)
            await again.start()
            mine = second.issue("ann", "ann")

            async def answered() -> bool:
                how = ("--cacert", str(trusted), "--cert", mine[0], "--key", mine[1])
                try:
                    return (await curl(f"{gateway.url}/v1/desks/one", *how)).code == 200
                except RuntimeError:
                    # Envoy still shows the certificate of before.
                    return False

            await eventually(answered)
            await again.stop()
        finally:
            renewing.cancel()


async def test_services_are_told_that_a_call_came_through_a_gateway(tmp_path: Path) -> None:
    """With mTLS its certificate is what they see, and it is not the caller's."""
    async with opened(tmp_path / "envoy") as gateway:
        for forged in ((), ("-H", "x-turnout-through: no")):
            await curl(f"{gateway.url}/v1/desks/one", *forged)
            assert gateway.desks[0].calls[-1].header("x-turnout-through") == "gateway"
