"""Tallies of full panels: absolute, per router, hour and process that counted, so that they add up."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from turnout.aggregator.v1.panels_pb2 import PanelTally

from services.state import formats, ids, panel_keys
from services.state.connection import Connections
from services.state.scripts import Arg, Script

_WRITE = Script("write_panels", repeatable=True)

HOUR, DAY = 3600, 86_400
KEPT_SECONDS = 90 * DAY
# 64 processes, or restarts, in every hour.
MOST_FIELDS = 24 * 64


class Counted(NamedTuple):
    """What `writer`, who is nobody else and never counts the same hour anew, counted of a router in the hour
    that begins at `hour`, in seconds since 1970."""

    router_uid: str
    hour: int
    writer: str
    tally: PanelTally


class PanelStore:
    """Reads and writes tallies. Aggregators are the only writers, each of fields of its own. Everything
    raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def write(self, those: Sequence[Counted], now: float) -> int:
        """Write tallies, one command each. Returns how many found no room, as others count more of that day
        than can be true."""
        runs = []
        for one in those:
            day = one.hour // DAY
            key = panel_keys.panels(ids.partition_for(one.router_uid), one.router_uid, day)
            seconds = max(1, min(int((day + 1) * DAY + KEPT_SECONDS - now), KEPT_SECONDS + DAY))
            blob = one.tally.SerializeToString(deterministic=True)
            args: list[Arg] = [seconds, MOST_FIELDS, f"{one.hour}:{one.writer}", blob]
            runs.append(([key], args))
        refused = 0
        for reply in await _WRITE.many(self._redis, runs) if runs else []:
            if isinstance(reply, Exception):
                raise reply
            refused += reply
        return refused

    async def read(self, router_uid: str, day: int, hours: Iterable[int]) -> list[tuple[int, PanelTally]]:
        """What was counted in those of the day's hours. Raises NewerFormat."""
        wanted = set(hours)
        fields = await self._redis.hgetall(panel_keys.panels(ids.partition_for(router_uid), router_uid, day))
        found = []
        for field, blob in fields.items():
            hour = int(field.partition(b":")[0])
            if hour in wanted:
                tally = PanelTally.FromString(blob)
                formats.check("tally of panels", tally.format, formats.PANELS)
                found.append((hour, tally))
        return found
