"""Certificates that change under a running server and a running client: what is whole is used by what
connects from then on, what is not is told and left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as how

from services.foundation import channel
from services.foundation.access import WrongAccessError
from services.foundation.client import Client
from services.foundation.errors import RemoteUnavailable
from services.foundation.identity.certificates import ClientCertificates
from services.foundation.identity.pem_files import BadCertificate, PemFiles
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.conftest import LogLines
from tests.foundation.echo import POOL, SERVICE, Echo, Words
from tests.foundation.identity.authorities import LOCAL, Authority
from tests.waiting import eventually

Serve = Callable[..., Awaitable[Server]]


class Town:
    """The files of a suite: one certificate for both ends, and who may have signed that of the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first, self.second = Authority(folder, "first"), Authority(folder, "second")
        self.trusted = folder / "trusted.pem"
        self.trust(self.first)
        self.chain, self.key = self.first.issue("suite", "suite", LOCAL)

    @property
    def paths(self) -> dict[str, Path]:
        return {"key": Path(self.key), "chain": Path(self.chain), "authorities": self.trusted}

    def held(self) -> dict[str, bytes]:
        return {name: path.read_bytes() for name, path in self.paths.items()}

    def trust(self, *authorities: Authority) -> None:
        self.trusted.write_bytes(b"".join(one.path.read_bytes() for one in authorities))

    def renew(self, by: Authority) -> None:
        by.issue("suite", "suite", LOCAL)

    def settings(self, port: int = 0) -> Settings:
        told = {"tls_certificate": self.chain, "tls_key": self.key, "port": port}
        return Settings.model_validate({**told, "tls_client_authorities": str(self.trusted)})

    def files(self) -> ClientCertificates:
        return ClientCertificates(str(self.trusted), self.chain, self.key)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
async def serve(town: Town) -> AsyncIterator[Serve]:
    servers = list[Server]()

    async def begin(port: int = 0) -> Server:
        servers.append(server := Server([Echo()], town.settings(port), pool=POOL))
        await server.start()
        return server

    yield begin
    for server in servers:
        await server.stop()


@pytest.fixture
async def connect(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[Server], Client]]:
    # Each call looks.
    monkeypatch.setattr(channel, "LOOK_SECONDS", 0.0)
    clients = list[Client]()

    def begin(server: Server) -> Client:
        clients.append(Client(server.address, pool=POOL, credentials=town.files()))
        return clients[-1]

    yield begin
    for client in clients:
        await client.close()


async def answered(client: Client) -> bool:
    try:
        return bool((await client.unary(SERVICE, "Say")(Words(text="word"), timeout=10)).text == "word")
    except RemoteUnavailable:
        return False


async def test_a_client_follows_new_certificates_and_new_authorities(
    serve: Serve, connect: Any, town: Town
) -> None:
    server = await serve()
    client = connect(server)
    say = client.unary(SERVICE, "Say")
    assert (await say(Words(text="before"), timeout=10)).text == "before"
    # Another process now has the port, and knows the second authority alone.
    await server.stop()
    town.trust(town.second)
    town.renew(town.second)
    await serve(server.port)
    assert await eventually(lambda: answered(client))


async def test_streams_on_the_former_connection_go_on(serve: Serve, connect: Any, town: Town) -> None:
    server = await serve()
    client = connect(server)
    said: asyncio.Queue[str] = asyncio.Queue()

    async def speech() -> AsyncIterator[Any]:
        while word := await said.get():
            yield Words(text=word)

    replies = client.exchange(SERVICE, "Chat")(speech(), timeout=30)
    said.put_nowait("one")
    assert (await anext(replies)).text == "ONE"
    former = client._channel._channel
    town.trust(town.first, town.second)
    town.renew(town.second)
    assert await answered(client)
    assert client._channel._channel is not former
    said.put_nowait("two")
    assert (await anext(replies)).text == "TWO"
    said.put_nowait("")
    assert [reply async for reply in replies] == []


async def test_many_renewals_leave_few_channels(serve: Serve, connect: Any, town: Town) -> None:
    client = connect(await serve())
    for _ in range(channel.MOST_FORMER + 2):
        town.renew(town.first)
        assert await answered(client)
    assert len(client._channel._former) == channel.MOST_FORMER


@pytest.mark.parametrize("broken", ["key", "chain", "half", "missing", "authorities"])
async def test_what_does_not_fit_together_is_told_once_and_left(
    serve: Serve, connect: Any, town: Town, log_lines: LogLines, broken: str
) -> None:
    """A renewal writes two files, one after the other; and a hand may slip."""
    server = await serve()
    old = connect(server)
    assert await answered(old)
    paths, whole = town.paths, town.held()
    town.renew(town.first)
    if broken == "half":
        paths["chain"].write_bytes(whole["chain"][:200])
    elif broken == "missing":
        paths["chain"].unlink()
    elif broken == "authorities":
        town.trusted.write_text("not a certificate")
    else:
        paths[broken].write_bytes(whole[broken])
    assert await eventually(lambda: answered(old))
    # A connection that is made now: both ends have what they had.
    fresh = await old_certificates(town, whole, server)
    try:
        assert await eventually(lambda: answered(fresh))
    finally:
        await fresh.close()
    told = [line for line in log_lines() if "are not used" in line["event"]]
    assert 1 <= len(told) <= 2
    assert all("PRIVATE KEY" not in str(line) for line in told)
    for name, path in paths.items():
        path.write_bytes(whole[name])
    town.renew(town.first)
    assert await eventually(lambda: answered(connect(server)))


async def old_certificates(town: Town, whole: dict[str, bytes], server: Server) -> Client:
    """A caller with the files of before, in a place of their own."""
    paths = {name: town.folder / f"old-{name}" for name in whole}
    for name, path in paths.items():
        path.write_bytes(whole[name])
    files = ClientCertificates(str(paths["authorities"]), str(paths["chain"]), str(paths["key"]))
    return Client(server.address, pool=POOL, credentials=files)


async def test_who_is_not_trusted_any_more_makes_no_new_connection(
    serve: Serve, connect: Any, town: Town
) -> None:
    server = await serve()
    whole = town.held() | {"authorities": town.first.path.read_bytes() + town.second.path.read_bytes()}
    town.trust(town.second)
    town.renew(town.second)
    assert await eventually(lambda: answered(connect(server)))
    former = await old_certificates(town, whole, server)
    try:
        assert not await answered(former)
    finally:
        await former.close()


def test_a_pair_that_is_none_does_not_start(town: Town) -> None:
    other, _ = town.first.issue("other", "other", LOCAL)
    settings = town.settings().model_copy(update={"tls_certificate": other})
    with pytest.raises(
        WrongAccessError, match="tls_certificate, tls_key, tls_client_authorities: the key in"
    ):
        Server([Echo()], settings, pool=POOL)


def test_an_encrypted_key_is_refused_in_words(town: Town) -> None:
    key = how.load_pem_private_key(Path(town.key).read_bytes(), None)
    locked = how.BestAvailableEncryption(b"password")
    Path(town.key).write_bytes(key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, locked))
    with pytest.raises(BadCertificate, match="is encrypted"):
        PemFiles(town.chain, town.key).read()


def test_a_file_that_is_moved_into_its_place_is_noticed_though_it_is_older(town: Town) -> None:
    files = PemFiles(town.chain, town.key)
    files.read()
    assert files.renewed() is None
    chain, key = town.first.issue("newer", "suite", LOCAL)
    Path(chain).replace(town.chain)
    assert files.renewed() is None, "half of it"
    Path(key).replace(town.key)
    assert files.renewed() is not None
    assert files.renewed() is None
