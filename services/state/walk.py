"""A router's predictions from the oldest to the newest, however many there are."""

from collections.abc import AsyncGenerator, Sequence

from turnout.inference.v1.event_pb2 import PredictionRecord

from services.state import ids, keys
from services.state.connection import Connections
from services.state.records import MINUTES_AT_ONCE, RecordStore

NAMES_AT_ONCE = 256
# What is held of records at a time; one alone may be larger.
PORTION_BYTES = 1024 * 1024


class RecordWalk:
    """Reads records in portions of bounded size. Everything raises StateUnavailable and NewerFormat."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady
        self._records = RecordStore(connections)

    async def walk(
        self, router_uid: str, start: float, end: float
    ) -> AsyncGenerator[list[PredictionRecord], None]:
        """The records with `start` <= time < `end`, in seconds since 1970, oldest first, some at a time.

        Each comes once, whatever is written meanwhile; what is written into a time that was passed is not
        seen.
        """
        async for names in self._names(router_uid, start, end):
            for some in await self._portions(names):
                found = await self._records.read_many(some)
                yield [found[name] for name in some if name in found]

    async def _names(self, router_uid: str, start: float, end: float) -> AsyncGenerator[list[str], None]:
        partition = ids.partition_for(router_uid)
        index, below = keys.record_minutes(partition, router_uid), f"({ids.first_id_at(end)}"
        above, oldest = f"[{ids.first_id_at(start)}", int(start // 60)
        while True:
            minutes = await self._redis.zrangebyscore(
                index, oldest, int(end // 60), start=0, num=MINUTES_AT_ONCE
            )
            for minute in map(int, minutes):
                place = keys.record_ids(partition, router_uid, minute)
                while names := await self._redis.zrangebylex(place, above, below, start=0, num=NAMES_AT_ONCE):
                    yield [name.decode() for name in names]
                    above = f"({names[-1].decode()}"
                oldest = minute + 1
            if len(minutes) < MINUTES_AT_ONCE:
                return

    async def _portions(self, names: Sequence[str]) -> list[list[str]]:
        async with self._redis.pipeline() as pipe:
            for name in names:
                pipe.hstrlen(keys.records(ids.partition_of(name), ids.minute_of(name)), name)
            sizes = await pipe.execute()
        portions: list[list[str]] = [[]]
        held = 0
        for name, size in zip(names, sizes, strict=True):
            if held + size > PORTION_BYTES and portions[-1]:
                portions.append([])
                held = 0
            portions[-1].append(name)
            held += size
        return portions
