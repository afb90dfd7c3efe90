"""Where one kind of resource lies: a hash per uid in its partition, its generations, and answers given."""

from typing import Generic

from services.state import formats, ids, keys
from services.state.connection import Connections
from services.state.errors import NewerFormat, StaleEtag
from services.state.failures import MappedRedis
from services.state.kinds import Kind, M
from services.state.once import LIFETIME_MS, Once
from services.state.scripts import Arg, Script

WRITE_CONFIG = Script("write_config", repeatable=True)
DELETE_CONFIG = Script("delete_config")

KEPT_GENERATIONS = 50
PURGE_MS = 30 * 24 * 3600 * 1000
# A reconcile reads thousands of resources; more at once would hold up everybody else's commands.
READ_AT_ONCE = 100


class Shelf(Generic[M]):
    """Reads and writes resources of one kind by uid, whole, with compare-and-set on their etag."""

    def __init__(self, connections: Connections, kind: Kind[M], redis: MappedRedis | None = None) -> None:
        self._redis = redis or connections.steady
        self.kind = kind

    async def read(self, uid: str) -> M | None:
        """The resource, or None. Raises NewerFormat."""
        return self.decode(await self._redis.hmget(self._key(uid), ["format", "message"]))

    async def read_many(self, uids: list[str]) -> dict[str, M | Exception | None]:
        """The same for many, by uid; an error in the place of what this version cannot read."""
        found: dict[str, M | Exception | None] = {}
        for start in range(0, len(uids), READ_AT_ONCE):
            some = uids[start : start + READ_AT_ONCE]
            async with self._redis.pipeline() as pipe:
                for uid in some:
                    pipe.hmget(self._key(uid), ["format", "message"])
                for uid, fields in zip(some, await pipe.execute(), strict=True):
                    try:
                        found[uid] = self.decode(fields)
                    except NewerFormat as error:
                        found[uid] = error
        return found

    async def etags(self, uids: list[str]) -> dict[str, str | None]:
        """The etag of each, by uid; None for those that are not there."""
        found: dict[str, str | None] = {}
        for start in range(0, len(uids), READ_AT_ONCE):
            some = uids[start : start + READ_AT_ONCE]
            async with self._redis.pipeline() as pipe:
                for uid in some:
                    pipe.hget(self._key(uid), "etag")
                etags = await pipe.execute()
            found |= {uid: etag.decode() if etag else None for uid, etag in zip(some, etags, strict=True)}
        return found

    async def write(self, message: M, seen: str, once: Once | None, *, deleted: bool = False) -> M | None:
        """Store a resource over the one whose etag was `seen` ('' for none); deleted ones are purged later.

        Returns what the change answered, if it was made before; then nothing is written. Raises StaleEtag.
        """
        blob = message.SerializeToString(deterministic=True)
        stored: list[Arg] = [formats.CONFIG, message.generation, message.etag, message.name, blob]
        limits = [KEPT_GENERATIONS, LIFETIME_MS, PURGE_MS if deleted else 0]
        reply = await WRITE_CONFIG(self._redis, self._keys(message.uid, once), [seen, *stored, *limits])
        return self._outcome(message, reply)

    async def delete(self, message: M, seen: str, once: Once | None) -> M | None:
        """Forget a resource whose etag was `seen`. Returns and raises as `write`."""
        blob = message.SerializeToString(deterministic=True)
        reply = await DELETE_CONFIG(
            self._redis, self._keys(message.uid, once), [seen, formats.CONFIG, blob, LIFETIME_MS]
        )
        return self._outcome(message, reply)

    async def answered(self, uid: str, once: Once) -> M | None:
        """What the change answered, if it was made."""
        key = keys.answer(ids.partition_for(uid), once.request_id)
        return self.decode(await self._redis.hmget(key, ["format", "message"]))

    async def generations(self, uid: str, numbers: list[int]) -> list[M]:
        """Those of the generations that are kept, in the order asked for."""
        key = keys.generations(ids.partition_for(uid), self.kind.name, uid)
        found = await self._redis.hmget(key, [str(number) for number in numbers]) if numbers else []
        return [self.kind.parse(blob) for blob in found if blob]

    def decode(self, fields: list[bytes | None]) -> M | None:
        """A resource from its stored format and message. Raises NewerFormat."""
        number, blob = fields
        if number is None or blob is None:
            return None
        formats.check(self.kind.name, int(number), formats.CONFIG)
        return self.kind.parse(blob)

    def _outcome(self, message: M, reply: list[bytes]) -> M | None:
        if reply[0] == b"STALE":
            raise StaleEtag(f"{message.name} has changed since it was read", name=message.name)
        return self.kind.parse(reply[1]) if reply[0] == b"ANSWERED" else None

    def _key(self, uid: str) -> str:
        return keys.config(ids.partition_for(uid), self.kind.name, uid)

    def _keys(self, uid: str, once: Once | None) -> list[str]:
        partition = ids.partition_for(uid)
        answer = [keys.answer(partition, once.request_id)] if once else []
        return [self._key(uid), keys.generations(partition, self.kind.name, uid), *answer]
