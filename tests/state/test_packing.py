"""Commands are written down as the library writes them, whatever they carry."""

import asyncio
from typing import Any

import numpy as np
import pytest
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import DataError

from services.state.connection import Connections
from services.state.packing import Packing, packing

SENT: list[tuple[Any, ...]] = [
    ("SET", "turnout:a", b"\0\r\n\xff", "é", ""),
    ("SET", "k", 0, -1, 10**30, 1.5, -0.0, 1e300, 1e-7, float("inf"), float("nan")),
    ("CONFIG GET", "save"),
    (b"CONFIG GET", "save"),
    (b"GET", "k"),
    ("GET", bytearray(b"abc"), memoryview(b"q")),
    ("EVALSHA", "0" * 40, 300, *(f"turnout:{{p07}}:{at}" for at in range(300)), b"x" * 20_000),
    ("SET", "k", np.float64(0.1)),
]


@pytest.mark.parametrize("command", SENT, ids=lambda command: str(command[:3])[:40])
def test_a_command_is_the_same_bytes(command: tuple[Any, ...]) -> None:
    ours, theirs = packing(Connection)().pack_command(*command), Connection().pack_command(*command)
    assert b"".join(map(bytes, ours)) == b"".join(map(bytes, theirs))


@pytest.mark.parametrize("wrong", [None, True, 1j, np.int64(3), ["a"]], ids=repr)
def test_what_cannot_be_sent_is_refused_in_the_librarys_words(wrong: Any) -> None:
    with pytest.raises(DataError) as told:
        Connection().pack_command("SET", "k", wrong)
    with pytest.raises(DataError, match="Invalid input of type") as ours:
        packing(Connection)().pack_command("SET", "k", wrong)
    assert str(ours.value) == str(told.value)


@pytest.mark.parametrize("kind", [Connection, SSLConnection, UnixDomainSocketConnection])
def test_every_kind_of_connection_packs_so(kind: Any) -> None:
    assert issubclass(packing(kind), (Packing, kind))


async def test_the_suites_own_connections_do(connections: Connections) -> None:
    clients = (connections.hot, connections.steady, connections.blocking)
    assert all(issubclass(client.connection_pool.connection_class, Packing) for client in clients)
    await asyncio.gather(*(client.set("turnout:packed", b"\0\xff", ex=9) for client in clients))
    assert await connections.hot.get("turnout:packed") == b"\0\xff"
    await connections.hot.unlink("turnout:packed")
