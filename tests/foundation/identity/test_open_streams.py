"""Streams that are open when their callers lose what let them in, over a real channel."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from services.foundation.access import Access
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.identity.authenticator import Authenticator
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.echo import POOL, SERVICE, Words
from tests.foundation.identity import guarding
from tests.foundation.identity.guarding import TOKEN, Guarded, Ring
from tests.waiting import eventually


class Rights(guarding.Words):
    """As there, until nobody may any more."""

    withdrawn = False

    def check_of(self, method: str, rule: Any) -> Any:
        check = super().check_of(method, rule)
        return lambda caller, request: check(
            caller._replace(name="bob") if self.withdrawn else caller, request
        )


@dataclass
class House:
    """A guarded server; `access.streams.look()` is what it does once a second."""

    server: Server
    client: Client
    ring: Ring
    echo: Guarded
    rights: Rights
    access: Access

    @property
    def in_flight(self) -> int:
        kinds = ("Count", "Join", "Chat")
        return sum(self.server.metrics.rpcs[f"{SERVICE}/{kind}"].in_flight for kind in kinds)

    def opened(self, kind: str, key: str, *, count: int = 1) -> AsyncIterator[Any]:
        """A stream of replies, of requests or of both, that does not end by itself."""
        how: Any = {"timeout": 30, "metadata": [("x-api-key", key)]}

        async def endless() -> AsyncIterator[Any]:
            yield Words(text="word")
            await self.echo.release.wait()

        async def upload() -> AsyncIterator[Any]:
            yield await self.client.upload(SERVICE, "Join")(endless(), **how)

        if kind == "Count":
            return self.client.stream(SERVICE, kind)(Words(text="hold", count=count), **how)
        return upload() if kind == "Join" else self.client.exchange(SERVICE, kind)(endless(), **how)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    ring, rights, echo = Ring(), Rights(), Guarded()
    access = Access(Authenticator(ring, service_tokens=[TOKEN]), rights)
    settings = Settings(access_mode="enforced", access_service_token=TOKEN)
    server = Server([echo], settings, pool=POOL, access=access)
    await server.start()
    client = Client(server.address, pool=POOL)
    yield House(server, client, ring, echo, rights, access)
    await client.close()
    await server.stop()


async def begun(house: House, kind: str, key: str) -> "asyncio.Task[list[Any]]":
    """A stream that is open, being read to its end."""

    async def rest() -> list[Any]:
        return [reply async for reply in house.opened(kind, key)]

    reading = asyncio.ensure_future(rest())
    await eventually(lambda: len(house.access.streams) == 1)
    return reading


Loss = Callable[[House], None]


def revoke(house: House) -> None:
    house.ring.entries.clear()


def expire(house: House) -> None:
    for name, entry in house.ring.entries.items():
        house.ring.entries[name] = entry._replace(expires=time.time() - 1)


@pytest.mark.parametrize("kind", ["Count", "Join", "Chat"])
@pytest.mark.parametrize(("lose", "why"), [(revoke, "unknown_key"), (expire, "expired")])
async def test_a_stream_ends_with_the_key_that_opened_it(
    house: House, kind: str, lose: Loss, why: str
) -> None:
    reading = await begun(house, kind, house.ring.give("ann"))
    await house.access.streams.look()
    assert not reading.done()
    lose(house)
    await house.access.streams.look()
    with pytest.raises(RemoteError) as caught:
        await reading
    assert (caught.value.code, caught.value.facts["why"]) == ("UNAUTHENTICATED", why)
    assert house.in_flight == len(house.access.streams) == 0


async def test_a_stream_ends_with_the_permission_that_it_needed(house: House) -> None:
    reading = await begun(house, "Count", house.ring.give("ann"))
    house.rights.withdrawn = True
    await house.access.streams.look()
    with pytest.raises(RemoteError) as caught:
        await reading
    assert caught.value.code == "PERMISSION_DENIED"
    assert house.echo.cancelled.is_set()


async def test_others_streams_go_on(house: House) -> None:
    kept, lost = house.ring.give("ann"), house.ring.give("ann")
    others = await begun(house, "Count", kept)
    doomed = house.opened("Count", lost)
    await anext(doomed)
    del house.ring.entries[lost.split("_")[1]]
    await house.access.streams.look()
    with pytest.raises(RemoteError):
        await anext(doomed)
    house.echo.release.set()
    assert len(await others) == 1


async def test_who_does_not_read_hears_it_behind_what_was_under_way(house: House) -> None:
    """The transport holds what he has not read: nothing is added to it."""
    replies = house.opened("Count", house.ring.give("ann"), count=500_000)
    await anext(replies)
    revoke(house)
    await house.access.streams.look()
    read = itertools.count()
    with pytest.raises(RemoteError, match="revoked"):
        await anext(reply async for reply in replies if next(read) > 500_000)


async def test_a_client_that_left_at_the_same_moment_is_told_nothing(house: House) -> None:
    reading = await begun(house, "Chat", house.ring.give("ann"))
    revoke(house)
    reading.cancel()
    await house.access.streams.look()
    await asyncio.gather(reading, return_exceptions=True)
    await eventually(lambda: house.in_flight == 0)
