"""The API keys in memory: what callers are checked against, within milliseconds of a change."""

import asyncio
import random

from redis.asyncio.client import PubSub

from services.foundation.identity.api_keys import KeyEntry
from services.foundation.logs import log
from services.state import keys
from services.state.api_keys import ApiKeyStore
from services.state.connection import Connections
from services.state.errors import NewerFormat, StateUnavailable
from services.state.failures import reaching_redis
from services.state.waits import Waits

# A notice comes within milliseconds, but may get lost; a revoked key must be refused within a second all the
# same.
POLL_SECONDS = 0.5


class KeyRing:
    """Follows the keys. While Redis is away those of before stay. Run `run()` in the background."""

    def __init__(self, connections: Connections, store: ApiKeyStore, rng: random.Random) -> None:
        self._blocking = connections.blocking
        self._store = store
        self._rng = rng
        self._entries: dict[str, KeyEntry] = {}
        self._version = -1

    @property
    def loaded(self) -> bool:
        """Whether the keys have been read at all."""
        return self._version >= 0

    def find(self, key_id: str) -> KeyEntry | None:
        """The key of an id."""
        return self._entries.get(key_id)

    async def run(self) -> None:
        """Follow until cancelled."""
        waits = Waits(self._rng, longest=POLL_SECONDS)
        while True:
            try:
                async with self._blocking.pubsub() as channel:
                    with reaching_redis():
                        await channel.subscribe(keys.api_keys_channel())
                    while True:
                        await self.poll()
                        waits.reset()
                        await self._listen(channel)
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning("API keys are not followed now", cause=error.facts.get("cause"))
                await asyncio.sleep(waits.next())
            except NewerFormat as error:
                log.error("cannot read the API keys; those of before stay", why=str(error))
                await asyncio.sleep(waits.next())

    async def poll(self) -> None:
        """Read everything if anything changed. Raises StateUnavailable, NewerFormat."""
        # The number first: what changes meanwhile is then read twice rather than missed.
        version = await self._store.version()
        if version != self._version:
            found = await self._store.all()
            self._entries = {key_id: key.entry for key_id, key in found.items()}
            self._version = version

    async def _listen(self, channel: PubSub) -> None:
        """Take in what is announced until it is time to poll."""
        clock = asyncio.get_running_loop().time
        until = clock() + POLL_SECONDS * (0.5 + self._rng.random() / 2)
        while (left := until - clock()) > 0:
            with reaching_redis():
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=left)
            if message is not None:
                key_id, _, version = message["data"].decode().partition(" ")
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
