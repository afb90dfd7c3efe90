"""A name that stands for several servers."""

from collections.abc import AsyncIterator

import pytest

from services.foundation.client import Client
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.echo import POOL, SERVICE, Echo, Words
from tests.waiting import eventually


class Named(Echo):
    """Says who answered."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    async def Say(self, _request: object, _call: object) -> object:
        return Words(text=self.name)


@pytest.fixture
async def replicas() -> AsyncIterator[list[Server]]:
    servers = [Server([Named(name)], Settings(), pool=POOL) for name in ("one", "other")]
    for server in servers:
        await server.start()
    yield servers
    for server in servers:
        await server.stop()


async def test_all_replicas_behind_a_name_are_asked_in_turns(replicas: list[Server]) -> None:
    """A headless Service is such a name: one replica would have all the work, and the others none."""
    client = Client("ipv4:" + ",".join(server.address for server in replicas), pool=POOL)
    say = client.unary(SERVICE, "Say")

    async def both_answer() -> bool:
        # Connections come up one after the other.
        heard = [(await say(Words(text="who?"), timeout=5)).text for _ in range(40)]
        return min(heard.count("one"), heard.count("other")) >= 10

    await eventually(both_answer, within=10)
    await client.close()
