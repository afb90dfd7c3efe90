"""A gateway before desks, in the test's own process but for Envoy."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from services.foundation.server import Server
from services.foundation.settings import Settings
from services.gateway.door import Door
from services.gateway.settings import GatewaySettings
from tests.gateway.desk import CONTRACT, Desk


class Opened(NamedTuple):
    """Where it is, and what stands behind it."""

    url: str
    door: Door
    desks: Sequence[Desk]
    servers: Sequence[Server]
    ended: asyncio.Event
    """Told when Envoy ends by itself, which whoever has it end must take back."""

    @property
    def address(self) -> str:
        """host:port."""
        return self.url.split("//")[1]


@asynccontextmanager
async def opened(
    folder: Path, desks: int = 1, behind: Mapping[str, Any] | None = None, patience: float = 10.0, **told: Any
) -> AsyncIterator[Opened]:
    """A gateway on a free port of loopback; `told` are its settings, `behind` those of the desks."""
    made = [Desk(f"desk-{number}") for number in range(desks)]
    servers = [Server([desk], Settings(**behind or {}), pool=CONTRACT.pool) for desk in made]
    for server in servers:
        await server.start()
    replicas = ",".join(server.address for server in servers)
    settings = GatewaySettings(**{"port": 0, "directory": str(folder), "router": replicas, **told})
    ended = asyncio.Event()
    door = Door(settings, CONTRACT, ended.set, patience)
    beside = Server([], door.behind(), pool=door.pool, described=door.described)
    await beside.start()
    try:
        yield Opened(await door.open(beside.address), door, made, servers, ended)
        assert not ended.is_set(), "Envoy ended by itself"
    finally:
        await door.end()
        for server in (beside, *servers):
            await server.stop()
