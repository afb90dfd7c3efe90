"""Resources that somebody is about to delete, while he looks whether anything still names them.

Who deletes says so first and then looks for users; who writes a user looks at this after the write. Whichever
of the two comes second sees the other, whatever they had read before.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from services.state import catalog_keys
from services.state.connection import Connections
from services.state.scripts import Script

# Longer than a deletion takes; what a process that died was deleting can be used again after it.
SECONDS = 60

COUNT = Script("count_leaving")


class Leaving:
    """Counts the deletions of a name that are under way. Raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """While a resource is being deleted, or is found to be in use."""
        await self._add(name, 1)
        try:
            yield
        finally:
            await self._add(name, -1)

    async def among(self, names: Iterable[str]) -> set[str]:
        """Those that are being deleted."""
        asked = list(names)
        if not asked:
            return set()
        found = await self._redis.mget([catalog_keys.catalog_leaving(name) for name in asked])
        return {name for name, count in zip(asked, found, strict=True) if int(count or 0) > 0}

    async def _add(self, name: str, count: int) -> None:
        await COUNT(self._redis, [catalog_keys.catalog_leaving(name)], [count, SECONDS])
