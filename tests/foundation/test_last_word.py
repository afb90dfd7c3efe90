"""Who is refused in the middle of what he sends hears why."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.foundation.echo import SERVICE, Words

TIMES = 20


def speech() -> Iterator[Any]:
    """More than connections hold: when the answer comes, a part is always on its way."""
    yield Words(text="fail")
    for _ in range(40):
        yield Words(text="x" * 60_000)


async def upload(client: Client) -> None:
    await client.upload(SERVICE, "Join")(speech(), timeout=20)


async def exchange(client: Client) -> None:
    async for _ in client.exchange(SERVICE, "Chat")(speech(), timeout=20):
        pass


@pytest.mark.parametrize("send", [upload, exchange])
async def test_the_reason_is_the_peers_and_not_that_sending_failed(
    client: Client, send: Callable[[Client], Awaitable[None]]
) -> None:
    told = await asyncio.gather(*(send(client) for _ in range(TIMES)), return_exceptions=True)
    assert [one.reason for one in told if isinstance(one, RemoteError)] == ["UNKNOWN_WORD"] * TIMES
