"""Which router processes are alive, and what each has loaded."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from services.state import formats, keys
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
    events_waiting: events that are not in Redis yet; ejected: models that it does not call for their health,
    and until when; time: seconds since 1970 by its own clock.
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


SAID = frozenset(one.name for one in fields(Replica))


class Heartbeats:
    """Writes and reads the reports. Who has not reported for `dead_seconds`, by Redis' clock, is not
    there."""

    def __init__(self, connections: Connections, dead_seconds: float = DEAD_SECONDS) -> None:
        self._redis = connections.steady
        self._dead_ms = int(dead_seconds * 1000)
        self._keys = [keys.catalog_heartbeats(), keys.catalog_replicas()]

    async def beat(self, replica: Replica) -> None:
        """Report. Raises StateUnavailable."""
        report = json.dumps({"format": formats.REPLICA, **asdict(replica)}, separators=(",", ":"))
        await BEAT(self._redis, self._keys, [replica.id, self._dead_ms, OUTLIVE_MS, MOST_REPLICAS, report])

    async def leave(self, replica_id: str) -> None:
        """Be gone at once. Raises StateUnavailable."""
        async with self._redis.pipeline() as pipe:
            pipe.zrem(self._keys[0], replica_id)
            pipe.hdel(self._keys[1], replica_id)
            await pipe.execute()

    async def live(self) -> list[Replica]:
        """The reports of the living, by id. Raises StateUnavailable, NewerFormat."""
        reports = [json.loads(report) for report in await LIVE(self._redis, self._keys, [self._dead_ms])]
        for report in reports:
            formats.check("replica", report.pop("format"), formats.REPLICA)
        return sorted((_replica(report) for report in reports), key=lambda replica: replica.id)


def _replica(report: Mapping[str, Any]) -> Replica:
    # A replica of the next version may say more of itself under the same format.
    return Replica(**{name: value for name, value in report.items() if name in SAID})
