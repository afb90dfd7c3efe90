"""Which router processes are alive, and what each has loaded."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from services.state import catalog_keys, formats, keys
from services.state.connection import Connections
from services.state.scripts import Script

BEAT = Script("beat", repeatable=True)
LIVE = Script("live", repeatable=True)

BEAT_SECONDS = 1.0
# Two beats may get lost before a rollout stops waiting for a replica.
DEAD_SECONDS = 3.5
OUTLIVE_MS = 3600 * 1000
MOST_REPLICAS = 1000


@dataclass(frozen=True, slots=True)
class Replica:
    """What a router process reports of itself.

    position: last change of the catalog that it has taken in; lag_seconds: since it last heard of it;
    generations: what it has loaded, by router name; errors: why it could not load a router, by name;
    only: the routers that it serves, none for all that are not elsewhere; events_waiting: events that are not
    in Redis yet; ejected: models that it does not call for their health, and until when; time: seconds since
    1970 by its own clock.
    """

    id: str
    address: str = ""
    position: str = ""
    generations: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    events_waiting: int = 0
    time: float = 0.0
    ejected: Mapping[str, float] = field(default_factory=dict)
    lag_seconds: float = 0.0
    only: Sequence[str] = ()

    def serves(self, router: str, *, elsewhere: bool) -> bool:
        """Whether it has to do with a router; `elsewhere`: the router has processes of its own."""
        return router in self.only if self.only else not elsewhere


SAID = frozenset(one.name for one in fields(Replica))


class Heartbeats:
    """Writes and reads the reports. Who has not reported for `dead_seconds`, by Redis' clock, is not
    there."""

    def __init__(self, connections: Connections, dead_seconds: float = DEAD_SECONDS) -> None:
        self._redis = connections.steady
        self._dead_ms = int(dead_seconds * 1000)
        self._keys = [keys.catalog_heartbeats(), keys.catalog_replicas()]
        # What Redis has been told of each replica's generations: of thousands, few change from beat to beat.
        self._told: dict[str, Mapping[str, int]] = {}

    async def beat(self, replica: Replica) -> None:
        """Report. Raises StateUnavailable."""
        # First what is served, then that it is there: a rollout that sees the position sees the rest too.
        await self._tell(replica)
        said = {name: value for name, value in _said(replica).items() if name != "generations"}
        report = json.dumps({"format": formats.REPLICA, **said}, separators=(",", ":"))
        await BEAT(self._redis, self._keys, [replica.id, self._dead_ms, OUTLIVE_MS, MOST_REPLICAS, report])

    async def _tell(self, replica: Replica) -> None:
        key, now = catalog_keys.catalog_served(replica.id), replica.generations
        before = self._told.pop(replica.id, None)
        async with self._redis.pipeline() as pipe:
            if before is None:
                pipe.delete(key)
                before = {}
            if before is not now:
                news: dict[Any, Any] = {
                    name: number for name, number in now.items() if before.get(name) != number
                }
                if news:
                    pipe.hset(key, mapping=news)
                if gone := before.keys() - now.keys():
                    pipe.hdel(key, *gone)
            pipe.pexpire(key, OUTLIVE_MS)
            pipe.hlen(key)
            *_, there = await pipe.execute()
        # A Redis that has lost it is told everything again at the next beat.
        if there == len(now):
            self._told[replica.id] = now

    async def leave(self, replica_id: str) -> None:
        """Be gone at once. Raises StateUnavailable."""
        async with self._redis.pipeline() as pipe:
            pipe.zrem(self._keys[0], replica_id)
            pipe.hdel(self._keys[1], replica_id)
            pipe.delete(catalog_keys.catalog_served(replica_id))
            await pipe.execute()
        self._told.pop(replica_id, None)

    async def live(self, served: Collection[str] | None = ()) -> list[Replica]:
        """The reports of the living, by id; `generations` of the routers in `served`, None for all of them.
        Raises StateUnavailable, NewerFormat."""
        reports = [json.loads(report) for report in await LIVE(self._redis, self._keys, [self._dead_ms])]
        for report in reports:
            formats.check("replica", report.pop("format"), formats.REPLICA)
        replicas = sorted((_replica(report) for report in reports), key=lambda replica: replica.id)
        if served is not None and not served:
            return replicas
        names = None if served is None else sorted(served)
        async with self._redis.pipeline() as pipe:
            for replica in replicas:
                key = catalog_keys.catalog_served(replica.id)
                pipe.hgetall(key) if names is None else pipe.hmget(key, names)
            found = await pipe.execute()
        return [
            replace(replica, generations=_generations(names, values))
            for replica, values in zip(replicas, found, strict=True)
        ]


def _said(replica: Replica) -> dict[str, Any]:
    """Its fields by name, not copied."""
    return {name: getattr(replica, name) for name in SAID}


def _generations(names: Sequence[str] | None, values: Any) -> dict[str, int]:
    if names is not None:
        return {name: int(value) for name, value in zip(names, values, strict=True) if value is not None}
    return {name.decode(): int(value) for name, value in values.items()}


def _replica(report: Mapping[str, Any]) -> Replica:
    # A replica of the next version may say more of itself under the same format.
    said = {name: value for name, value in report.items() if name in SAID}
    return Replica(**said | {"only": tuple(said.get("only", ()))})
