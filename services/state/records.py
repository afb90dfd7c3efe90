"""Predictions as they are kept: for reading one, for listing by time, and for matching with what came of
them."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from google.protobuf.message import DecodeError
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord

from services.foundation.logs import log
from services.state import formats, ids, keys, pages
from services.state.attribution import Keyed, index_runs, write_index
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.packed import PackedEvent, PackedRecord
from services.state.scripts import Arg, Run, Script

WRITE_RECORDS = Script("write_records", repeatable=True)

RETENTION_SECONDS = 30 * 86_400.0
# Clocks differ, and records come after their replies: only what is older than this is listed, so that a page
# once read stays as it was.
SETTLED_SECONDS = 5.0
PAGE = 50
# Minutes per look into the index: one round trip shows an hour.
MINUTES_AT_ONCE = 60
# A page stays well below the 4 MiB that clients take: it ends with the record that passes this.
PAGE_BYTES = 2 * 1024 * 1024
# What a call examines at most where `keep` lets little through; the page's token then goes on from there.
MOST_EXAMINED = 5000


# The greatest ids below one, at most so many.
Names: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
# From records to the ids of those that stay.
Sift: TypeAlias = Callable[[Sequence[PredictionRecord]], Awaitable[Collection[str]]]


class RecordPage(NamedTuple):
    """A page of records, newest first, and the token of the next one; empty on the last."""

    records: list[PredictionRecord]
    next_page_token: str


class RecordWriter:
    """Writes records under the fence of the partition. Drift is the only writer.

    `retention` says for how many seconds a router's records are kept, by its uid.
    """

    def __init__(
        self, connections: Connections, retention: Callable[[str], float] = lambda _: RETENTION_SECONDS
    ) -> None:
        self._redis = connections.steady
        self._retention = retention

    async def write(
        self, partition: int, fence: Fence, entry_id: str, events: Iterable[PredictionEvent | PackedEvent]
    ) -> None:
        """Keep the events of a stream entry, whose ids are such. Writing them again writes the same.

        Raises LostLease, StateUnavailable.
        """
        await self._keep(partition, fence, _records(events, entry_id))

    async def keep(self, partition: int, fence: Fence, those: Iterable[PredictionRecord]) -> None:
        """Keep records as they are, in place of what there is of them. Raises as `write`."""
        await self._keep(partition, fence, ((one.event, one.SerializeToString()) for one in those))

    async def _keep(
        self, partition: int, fence: Fence, those: Iterable[tuple[PredictionEvent, bytes]]
    ) -> None:
        records = defaultdict[tuple[str, int], list[Arg]](list)
        keyed = defaultdict[str, list[Keyed]](list)
        for event, record in those:
            name, uid = event.manifest.prediction_id, event.router_uid
            minute = ids.minute_at(name)
            records[uid, minute] += (name, record)
            if uid and (event.external_id or event.entity_id):
                keyed[uid].append(Keyed(event, name, minute))
        runs = [self._run(partition, fence, *place, pairs) for place, pairs in records.items()]
        for reply in await WRITE_RECORDS.many(self._redis, runs) if runs else []:
            if isinstance(reply, Exception):
                raise reply
            if not reply:
                raise lost(fence)
        # After the records: whoever is found has one.
        index = [
            run for uid, some in keyed.items() for run in index_runs(fence, uid, self._retention(uid), some)
        ]
        await write_index(self._redis, fence, index)

    def _run(self, partition: int, fence: Fence, router_uid: str, minute: int, pairs: list[Arg]) -> Run:
        named = [
            fence.key,
            keys.records(partition, minute),
            keys.record_ids(partition, router_uid, minute),
            keys.record_minutes(partition, router_uid),
        ]
        return named, [fence.token, minute, int(self._retention(router_uid) * 1000), *pairs]


class RecordStore:
    """Reads records. Everything raises StateUnavailable, and NewerFormat for what a newer version wrote."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def read(self, prediction_id: str) -> PredictionRecord | None:
        """One record; None if there is none, or not yet. Raises BadPredictionId."""
        return (await self.read_many([prediction_id])).get(prediction_id)

    async def read_many(self, prediction_ids: Iterable[str]) -> dict[str, PredictionRecord]:
        """Those of the records that there are, by id. Raises BadPredictionId."""
        wanted = defaultdict[str, list[str]](list)
        for name in dict.fromkeys(prediction_ids):
            wanted[keys.records(ids.partition_of(name), ids.minute_of(name))].append(name)
        async with self._redis.pipeline() as pipe:
            for key, names in wanted.items():
                pipe.hmget(key, names)
            found = await pipe.execute()
        names = [name for some in wanted.values() for name in some]
        blobs = [blob for some in found for blob in some]
        read = {name: _decode(name, blob) for name, blob in zip(names, blobs, strict=True) if blob}
        return {name: record for name, record in read.items() if record is not None}

    async def list(
        self,
        router_uid: str,
        now: float,
        *,
        start: float = 0.0,
        end: float | None = None,
        page_size: int = 0,
        page_token: str = "",
        filters: str = "",
        keep: Callable[[PredictionRecord], bool] = lambda _: True,
        sift: Sift | None = None,
        most_bytes: int = PAGE_BYTES,
    ) -> RecordPage:
        """A page of a router's records with `start` <= time < `end` (seconds since 1970), newest first.

        Ends at `now` - 5 s. `sift` looks up what of that which is kept stays. `filters` is a text that stands
        for both; a token is good for the same router, times and filters only. A page may be short, even
        empty, and have a next one. Raises BadPageToken, InvalidArgument.
        """
        return await self.page(
            lambda below, count: self.names(router_uid, below, start, count),
            f"{router_uid} {start} {end} {filters}",
            now - SETTLED_SECONDS if end is None else min(end, now - SETTLED_SECONDS),
            page_size=page_size,
            page_token=page_token,
            keep=keep,
            sift=sift,
            most_bytes=most_bytes,
        )

    async def page(
        self,
        names_below: Names,
        filters: str,
        end: float,
        *,
        page_size: int = 0,
        page_token: str = "",
        keep: Callable[[PredictionRecord], bool] = lambda _: True,
        sift: Sift | None = None,
        most_bytes: int = PAGE_BYTES,
    ) -> RecordPage:
        """The same of records that are found otherwise, made before `end`: `names_below` gives their ids,
        greatest first. A token is good for the same `filters` only."""
        last, wanted = pages.unseal(filters, page_token), pages.size(page_size, PAGE)
        below = last or ids.first_id_at(end)
        records: list[PredictionRecord] = []
        examined = size = 0
        while examined < MOST_EXAMINED:
            names = await names_below(below, wanted)
            found = {name: one for name, one in (await self.read_many(names)).items() if keep(one)}
            if sift is not None and found:
                found = {name: found[name] for name in await sift(list(found.values()))}
            for name in names:
                below, examined = name, examined + 1
                if name in found:
                    records.append(found[name])
                    size += found[name].ByteSize()
                if len(records) == wanted or size > most_bytes:
                    return RecordPage(records, pages.seal(filters, below))
            if len(names) < wanted:
                return RecordPage(records, "")
        return RecordPage(records, pages.seal(filters, below))

    async def names(self, router_uid: str, below: str, start: float, count: int) -> Sequence[str]:
        """The `count` greatest ids of a router below `below`, from `start` on; fewer if there are no more."""
        partition, oldest = ids.partition_for(router_uid), int(start // 60)
        index, least = keys.record_minutes(partition, router_uid), f"[{ids.first_id_at(start)}"
        newest = ids.minute_at(below)
        names: list[str] = []
        while len(names) < count:
            minutes = await self._redis.zrevrangebyscore(index, newest, oldest, start=0, num=MINUTES_AT_ONCE)
            for minute in map(int, minutes):
                place, left = keys.record_ids(partition, router_uid, minute), count - len(names)
                some = await self._redis.zrevrangebylex(place, f"({below}", least, start=0, num=left)
                names += [name.decode() for name in some]
                newest = minute - 1
                if len(names) == count:
                    return names
            if len(minutes) < MINUTES_AT_ONCE:
                return names
        return names


def _records(
    events: Iterable[PredictionEvent | PackedEvent], entry_id: str
) -> Iterator[tuple[PredictionEvent, bytes]]:
    """The events with the bytes of their records."""
    # One for all: to make a message takes twice as long as to change it.
    record = PackedRecord(format=formats.RECORD, entry_id=entry_id)
    for event in events:
        record.event = event.SerializeToString()
        yield event, record.SerializeToString()


def _decode(name: str, blob: bytes) -> PredictionRecord | None:
    try:
        record = PredictionRecord.FromString(blob)
    except DecodeError as error:
        # Features are kept as they came. One that cannot be read must not cost the others of its page.
        log.error("a record cannot be read", why=str(error), prediction=name)
        return None
    formats.check("prediction record", record.format, formats.RECORD)
    return record
