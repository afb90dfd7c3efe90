"""TLS on both sides: who a certificate says its holder is, and new files without a restart."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from services.foundation.access import Access
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.identity.authenticator import Authenticator
from services.foundation.identity.certificates import channel_credentials
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.echo import POOL, SERVICE
from tests.foundation.echo import Words as Message
from tests.foundation.identity.authorities import LOCAL, Authority
from tests.foundation.identity.guarding import TOKEN, Guarded, Ring, Words
from tests.waiting import eventually

Connect = Callable[..., Client]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def echo() -> Guarded:
    return Guarded()


@pytest.fixture
async def start(echo: Guarded, authority: Authority) -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """A guarded server with a certificate; clients show theirs where `clients` names who signs them."""
    servers: list[Server] = []

    async def begin(clients: str = "") -> Server:
        chain, key = authority.issue("server", "server", LOCAL)
        settings = Settings(
            access_mode="enforced",
            access_service_token=TOKEN,
            tls_certificate=chain,
            tls_key=key,
            tls_client_authorities=clients,
        )
        access = Access(Authenticator(Ring(), admins=frozenset({"spiffe://suite/root"})), Words())
        servers.append(server := Server([echo], settings, pool=POOL, access=access))
        await server.start()
        return server

    yield begin
    for server in servers:
        await server.stop()


@pytest.fixture
async def connect(authority: Authority) -> AsyncIterator[Connect]:
    clients: list[Client] = []

    def begin(server: Server, *shown: str, trusted: Path | None = None) -> Client:
        credentials = channel_credentials(str(trusted or authority.path), *shown)
        # Channels of one process share connections, and with them the certificate that was shown first.
        alone = [("grpc.use_local_subchannel_pool", 1)]
        clients.append(Client(server.address, pool=POOL, credentials=credentials, options=alone))
        return clients[-1]

    yield begin
    for client in clients:
        await client.close()


async def fail(client: Client) -> RemoteError:
    """The failure of a method that is for anyone."""
    with pytest.raises(RemoteError) as caught:
        await client.unary(SERVICE, "Fail")(Message(), timeout=10)
    return caught.value


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "ann"),
        ([x509.DNSName("ann.example")], "ann.example"),
        ([x509.DNSName("x"), x509.UniformResourceIdentifier("spiffe://suite/ann")], "spiffe://suite/ann"),
    ],
    ids=["common name", "alternative name", "URI before all"],
)
async def test_a_certificate_names_its_holder(
    start: Any, connect: Connect, authority: Authority, echo: Guarded, names: Any, said: str
) -> None:
    server = await start(str(authority.path))
    assert (await fail(connect(server, *authority.issue("ann", "ann", *names)))).reason == "UNKNOWN_WORD"
    caller = echo.calls[-1].caller
    assert (caller.name, caller.method, caller.admin) == (said, "mtls", False)


async def test_a_gateway_s_certificate_is_not_its_callers_name(
    start: Any, connect: Connect, authority: Authority, echo: Guarded
) -> None:
    """Or everybody behind it would be one user, and an administrator if that certificate names one."""
    server = await start(str(authority.path))
    root = authority.issue("root", "x", x509.UniformResourceIdentifier("spiffe://suite/root"))
    with pytest.raises(RemoteError):
        await connect(server, *root).unary(SERVICE, "Fail")(
            Message(), timeout=10, metadata=[("x-turnout-through", "gateway")]
        )
    assert echo.calls[-1].caller[:1] + echo.calls[-1].caller[2:4] == ("", "none", False)


async def test_an_administrator_by_certificate(
    start: Any, connect: Connect, authority: Authority, echo: Guarded
) -> None:
    server = await start(str(authority.path))
    root = authority.issue("root", "x", x509.UniformResourceIdentifier("spiffe://suite/root"))
    await fail(connect(server, *root))
    assert echo.calls[-1].caller.admin


async def test_without_a_certificate_that_is_trusted_nobody_gets_in(
    start: Any, connect: Connect, authority: Authority, echo: Guarded, tmp_path: Path
) -> None:
    server = await start(str(authority.path))
    stranger = Authority(tmp_path, "stranger").issue("eve", "ann")
    for shown in ((), stranger):
        assert (await fail(connect(server, *shown))).code == "UNAVAILABLE"
    assert not echo.calls


async def test_with_tls_alone_a_connection_names_nobody(start: Any, connect: Connect, echo: Guarded) -> None:
    assert (await fail(connect(await start()))).reason == "UNKNOWN_WORD"
    assert echo.calls[-1].caller.name == ""


async def test_new_files_are_used_without_a_restart(
    start: Any, connect: Connect, authority: Authority, tmp_path: Path
) -> None:
    server = await start()
    other = Authority(tmp_path, "other")
    assert (await fail(connect(server, trusted=other.path))).code == "UNAVAILABLE"
    other.issue("server", "server", LOCAL)

    async def renewed() -> bool:
        return (await fail(connect(server, trusted=other.path))).reason == "UNKNOWN_WORD"

    assert await eventually(renewed)
