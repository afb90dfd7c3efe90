"""API keys as they are stored: by id, whom each speaks for and the digest of its secret, never the secret."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from services.foundation.identity.api_keys import KeyEntry
from services.state import formats, keys
from services.state.audit import KEPT_EVENTS, Author, event_of
from services.state.connection import Connections
from services.state.errors import StoreFull
from services.state.scripts import Script

WRITE_API_KEY = Script("write_api_key", repeatable=True)

MOST_KEYS = 10_000
# One caller must not be able to use up everybody's room.
MOST_OF_USER = 100


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key. digest: SHA-256 of the whole, in hex; times in seconds since 1970, `expires` 0 for never."""

    id: str
    user: str
    digest: str
    created: float
    expires: float = 0.0
    admin: bool = False
    description: str = ""
    created_by: str = ""

    @property
    def entry(self) -> KeyEntry:
        """As callers are checked against it."""
        return KeyEntry(self.user, self.admin, bytes.fromhex(self.digest), self.expires or float("inf"))


class ApiKeyStore:
    """Reads and writes keys; the router service is the only writer. Everything raises StateUnavailable and
    NewerFormat. `now` is in seconds since 1970."""

    def __init__(self, connections: Connections, now: Callable[[], float]) -> None:
        self._redis = connections.steady
        self._now = now

    async def create(self, key: StoredKey, by: Author) -> None:
        """Keep a key, and that it was `by` somebody. Raises StoreFull."""
        held = (await self.all()).values()
        if sum(one.user == key.user for one in held) >= MOST_OF_USER:
            raise StoreFull(f"{key.user} has {MOST_OF_USER} API keys; revoke one first", user=key.user)
        expired = [one.id for one in held if 0 < one.expires <= self._now()]
        record = json.dumps({"format": formats.API_KEY, **asdict(key)}, separators=(",", ":"))
        if await self._write(key.id, record, by, expired) == b"FULL":
            raise StoreFull(f"there are {MOST_KEYS} API keys; revoke some first")

    async def revoke(self, key_id: str, by: Author) -> bool:
        """Forget a key; replicas hear of it at once. Returns whether there was one."""
        outcome: bytes = await self._write(key_id, "", by, [])
        return outcome == b"WRITTEN"

    async def read(self, key_id: str) -> StoredKey | None:
        """One key."""
        record = await self._redis.hget(keys.api_keys(), key_id)
        return decode(record) if record else None

    async def all(self) -> Mapping[str, StoredKey]:
        """Every key, by id in order."""
        found = await self._redis.hgetall(keys.api_keys())
        return {key_id.decode(): decode(found[key_id]) for key_id in sorted(found)}

    async def version(self) -> int:
        """A number that grows with each change."""
        return int(await self._redis.get(keys.api_keys_version()) or 0)

    async def _write(self, key_id: str, record: str, by: Author, expired: list[str]) -> bytes:
        event = event_of(by, f"apiKeys/{key_id}", "", 0, []).SerializeToString()
        outcome: bytes = await WRITE_API_KEY(
            self._redis,
            [keys.api_keys(), keys.api_keys_version(), keys.catalog_audit()],
            [key_id, record, MOST_KEYS, keys.api_keys_channel(), event, KEPT_EVENTS, *expired],
        )
        return outcome


def decode(record: bytes) -> StoredKey:
    """A key as it was stored. Raises NewerFormat."""
    found = json.loads(record)
    formats.check("API key", found.pop("format"), formats.API_KEY)
    return StoredKey(**found)
