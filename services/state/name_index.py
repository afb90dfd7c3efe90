"""Who holds which name, in order, and the announcement that something changed."""

from services.state import keys
from services.state.connection import Connections
from services.state.scripts import Script

CLAIM_NAME = Script("claim_name", repeatable=True)
RELEASE_NAME = Script("release_name", repeatable=True)
# Announced twice, followers look twice and find nothing new.
PUBLISH_CHANGE = Script("publish_change", repeatable=True)

KEPT_CHANGES = 10_000


class NameIndex:
    """The names of one kind of resource, for the whole deployment."""

    def __init__(self, connections: Connections, kind: str) -> None:
        self._redis = connections.steady
        self._kind = kind
        self._keys = [keys.catalog_names(kind), keys.catalog_listing(kind)]

    async def holder(self, name: str) -> str | None:
        """Uid of the resource that has the name."""
        uid = await self._redis.hget(self._keys[0], name)
        return uid.decode() if uid else None

    async def claim(self, name: str, uid: str, gone: str = "") -> str:
        """Take the name for `uid`, from nobody or from `gone`. Returns the uid that holds it now."""
        holder: bytes = await CLAIM_NAME(self._redis, self._keys, [name, uid, gone])
        return holder.decode()

    async def release(self, name: str, uid: str) -> None:
        """Free the name, unless somebody else has it by now."""
        await RELEASE_NAME(self._redis, self._keys, [name, uid])

    async def page(self, after: str, count: int) -> list[tuple[str, str]]:
        """The next `count` (name, uid) in the order of names."""
        start = f"({after}" if after else "-"
        names = await self._redis.zrangebylex(self._keys[1], start, "+", start=0, num=count)
        if not names:
            return []
        uids = await self._redis.hmget(self._keys[0], names)
        return [(name.decode(), uid.decode()) for name, uid in zip(names, uids, strict=True) if uid]

    async def all(self) -> dict[str, str]:
        """Uid by name, of every resource."""
        found = await self._redis.hgetall(self._keys[0])
        return {name.decode(): uid.decode() for name, uid in found.items()}

    async def announce(self, uid: str, generation: int, holding: str = "") -> str | None:
        """Tell all followers that a resource changed. Returns the position of the change, or None if
        `uid` was to be `holding` a name and lost it."""
        announced: bytes | None = await PUBLISH_CHANGE(
            self._redis,
            [keys.catalog_changes(), self._keys[0]],
            [KEPT_CHANGES, self._kind, uid, generation, holding],
        )
        return announced.decode() if announced else None
