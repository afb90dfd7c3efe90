"""TLS on both sides: who a certificate says its holder is, and new files without a restart."""

import datetime
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.foundation.access import Access
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.identity.authenticator import Authenticator
from services.foundation.identity.certificates import channel_credentials
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.echo import POOL, SERVICE
from tests.foundation.echo import Words as Message
from tests.foundation.identity.guarding import TOKEN, Guarded, Ring, Words
from tests.waiting import eventually

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
LOCAL = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.pem"
        certificate = self._certificate(self._name, self._key.public_key(), [], authority=True)
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, common: str, *names: x509.GeneralName) -> tuple[str, str]:
        """Paths of a new chain and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        chain = self._certificate(subject, key.public_key(), list(names), authority=False)
        paths = self._folder / f"{file}.crt", self._folder / f"{file}.key"
        paths[0].write_bytes(chain.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(paths[0]), str(paths[1])

    def _certificate(
        self, subject: x509.Name, key: Any, names: list[x509.GeneralName], *, authority: bool
    ) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(START)
            .not_valid_after(START + datetime.timedelta(days=36500))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256())


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
