"""Where one kind of resource lies: a hash per uid in its partition, its generations, and answers given."""

from typing import Generic, NamedTuple

from turnout.router.v1.router_service_pb2 import AuditEvent

from services.state import formats, ids, keys
from services.state.audit import KEPT_EVENTS
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


class Former(NamedTuple, Generic[M]):
    """A generation: the resource as it then was, and the change that made it so, empty if not noted."""

    message: M
    by: AuditEvent


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

    async def write(
        self, message: M, seen: str, once: Once | None, event: AuditEvent, *, deleted: bool = False
    ) -> M | None:
        """Store a resource over the one whose etag was `seen` ('' for none); deleted ones are purged later.

        `event` is written with it. Returns what the change answered, if it was made before; then nothing is
        written. Raises StaleEtag.
        """
        blob = message.SerializeToString(deterministic=True)
        stored: list[Arg] = [formats.CONFIG, message.generation, message.etag, message.name, blob]
        limits = [KEPT_GENERATIONS, LIFETIME_MS, PURGE_MS if deleted else 0]
        told: list[Arg] = [seen, *stored, *limits, event.SerializeToString(), KEPT_EVENTS]
        reply = await WRITE_CONFIG(self._redis, self._keys(message.uid, once), told)
        return self._outcome(message, reply)

    async def delete(self, message: M, seen: str, once: Once | None, event: AuditEvent) -> M | None:
        """Forget a resource whose etag was `seen`. Returns and raises as `write`."""
        blob = message.SerializeToString(deterministic=True)
        told: list[Arg] = [seen, formats.CONFIG, blob, LIFETIME_MS, event.SerializeToString(), KEPT_EVENTS]
        reply = await DELETE_CONFIG(self._redis, self._keys(message.uid, once), told)
        return self._outcome(message, reply)

    async def answered(self, uid: str, once: Once) -> M | None:
        """What the change answered, if it was made."""
        key = keys.answer(ids.partition_for(uid), once.request_id)
        return self.decode(await self._redis.hmget(key, ["format", "message"]))

    async def generations(self, uid: str, numbers: list[int]) -> list[Former[M]]:
        """Those of the generations that are kept, in the order asked for."""
        key = keys.generations(ids.partition_for(uid), self.kind.name, uid)
        wanted = [field for number in numbers for field in (str(number), f"{number}:by")]
        found = await self._redis.hmget(key, wanted) if wanted else []
        return [
            Former(self.kind.parse(blob), AuditEvent.FromString(by or b""))
            for blob, by in zip(found[::2], found[1::2], strict=True)
            if blob
        ]

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
        own = [self._key(uid), keys.generations(partition, self.kind.name, uid)]
        return [*own, keys.audit(partition), *answer]
