"""The API keys in memory: what callers are checked against, within milliseconds of a change."""

import random

from services.foundation.identity.api_keys import KeyEntry
from services.state import keys
from services.state.api_keys import ApiKeyStore
from services.state.connection import Connections
from services.state.notices import Notices

# A notice comes within milliseconds, but may get lost; a revoked key must be refused within a second all the
# same.
POLL_SECONDS = 0.5


class KeyRing:
    """Follows the keys. While Redis is away those of before stay. Run `run()` in the background."""

    def __init__(self, connections: Connections, store: ApiKeyStore, rng: random.Random) -> None:
        self._store = store
        self._entries: dict[str, KeyEntry] = {}
        self._version = -1
        self.run = Notices(
            connections,
            keys.api_keys_channel(),
            "API keys",
            look=self.poll,
            hear=self._heard,
            rng=rng,
            poll_seconds=POLL_SECONDS,
        ).run

    @property
    def loaded(self) -> bool:
        """Whether the keys have been read at all."""
        return self._version >= 0

    def find(self, key_id: str) -> KeyEntry | None:
        """The key of an id."""
        return self._entries.get(key_id)

    async def poll(self) -> None:
        """Read everything if anything changed. Raises StateUnavailable, NewerFormat."""
        # The number first: what changes meanwhile is then read twice rather than missed.
        version = await self._store.version()
        if version != self._version:
            found = await self._store.all()
            self._entries = {key_id: key.entry for key_id, key in found.items()}
            self._version = version

    async def _heard(self, notice: bytes) -> None:
        key_id, _, version = notice.decode().partition(" ")
        await self._take(key_id, int(version))

    async def _take(self, key_id: str, version: int) -> None:
        if version != self._version + 1:
            return await self.poll()
        key = await self._store.read(key_id)
        if key is None:
            self._entries.pop(key_id, None)
        else:
            self._entries[key_id] = key.entry
        self._version = version
        return None
