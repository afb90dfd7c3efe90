"""Which model an alias stands for: one table in the catalog, so that a move is one step for everybody."""

from collections.abc import Iterable, Mapping

from turnout.router.v1.router_service_pb2 import AuditEvent

from services.foundation.errors import Aborted
from services.state import keys
from services.state.audit import KEPT_EVENTS
from services.state.connection import Connections
from services.state.name_index import KEPT_CHANGES
from services.state.once import LIFETIME_MS, Once, Requests
from services.state.scripts import Arg, Script

# Run again after a lost reply it finds other holders than were seen, and says so.
MOVE_ALIASES = Script("move_aliases")


class AliasesMoved(Aborted):
    """Somebody else moved an alias meanwhile."""

    reason = "STALE_ETAG"


class AliasTable:
    """Reads and moves aliases, by `{base}@{alias}`; the router service is the only writer."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady
        self._requests = Requests(connections)

    async def all(self) -> dict[str, str]:
        """Name of the model by alias. Raises StateUnavailable."""
        found = await self._redis.hgetall(keys.catalog_aliases())
        return {alias.decode(): model.decode() for alias, model in found.items()}

    async def answered(self, once: Once | None) -> bytes | None:
        """What a move with this request id answered; None if there was none. Raises RequestIdReused."""
        if once is None or await self._requests.subject(once) is None:
            return None
        (answer,) = await self._redis.hmget(keys.catalog_request(once.request_id), ["answer"])
        return answer

    async def move(
        self,
        model: str,
        given: Iterable[str],
        taken: Iterable[str],
        seen: Mapping[str, str],
        event: AuditEvent,
        *,
        once: Once | None = None,
        answer: bytes = b"",
    ) -> bytes | None:
        """Give and take aliases in one step, with the `event` that says so.

        `seen` is the table that this was decided on. Returns what the same request answered before, if it
        did; then nothing is moved. Raises AliasesMoved, RequestIdReused, StateUnavailable.
        """
        await self._requests.reserve(once, event.uid)
        told: list[Arg] = [model, event.SerializeToString(), KEPT_EVENTS, KEPT_CHANGES, answer, LIFETIME_MS]
        for aliases, gives in ((given, "1"), (taken, "0")):
            for alias in aliases:
                told += [alias, seen.get(alias, ""), gives]
        named = [keys.catalog_aliases(), keys.catalog_audit(), keys.catalog_changes()]
        if once is not None:
            named.append(keys.catalog_request(once.request_id))
        outcome, *what = await MOVE_ALIASES(self._redis, named, told)
        if outcome == b"STALE":
            alias = what[0].decode()
            said = f"{alias} was moved by somebody else meanwhile; look at it and try again"
            raise AliasesMoved(said, alias=alias)
        return bytes(what[0]) if outcome == b"ANSWERED" else None
