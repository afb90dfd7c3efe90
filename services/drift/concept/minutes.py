"""The labels of one minute of a partition's predictions beside their records."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnout.drift.v1.concept_pb2 import ConceptState, ConceptStream
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth, TruthEntry

from services.drift.concept import losses, watching
from services.drift.concept.losses import Stream
from services.drift.concept.store import ConceptStore
from services.drift.concept.terms import Terms, terms_of
from services.drift.concept.watching import Observed
from services.state import formats, ids, keys
from services.state.connection import Connections
from services.state.group import Group
from services.state.records import RecordStore

# Truths, or records, of a look.
AT_ONCE = 500
# Some tens of milliseconds.
FOLDED_AT_ONCE = 2000


@dataclass(slots=True)
class Minute:
    """What was found. errors: by uid of the model and metric, in the order of predictions; labelled: by uid
    of the router, predictions all of whose rows are; lacking: whether there may be more; unrecorded: whether
    the records of some labels are still to come."""

    errors: dict[Stream, list[Observed]] = field(default_factory=lambda: defaultdict(list))
    labelled: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lacking: bool = False
    unrecorded: bool = False


@dataclass(frozen=True, slots=True)
class MinuteReader:
    """Reads minutes. Everything raises StateUnavailable and NewerFormat."""

    connections: Connections
    records: RecordStore
    store: ConceptStore
    streams: Sequence[Group[Any]]

    async def frontier(self, partition: int, now: float) -> float:
        """Up to when all the streams of a partition are read."""
        return min([await group.frontier(partition, now) for group in self.streams])

    async def routers(self, partition: int, minute: int) -> tuple[set[str], bool]:
        """Uids of the routers whose predictions of a minute are labelled, and whether all are recorded."""
        names = sorted(await self._truths(partition, minute))
        records = await self.records.read_many(names)
        return {one.event.router_uid for one in records.values()}, len(records) == len(names)

    async def read(self, partition: int, minute: int, router: str) -> Minute:
        """The labels of a router's predictions that are known by now."""
        truths = await self._truths(partition, minute)
        names, found = sorted(truths), Minute()
        for begin in range(0, len(names), AT_ONCE):
            some = names[begin : begin + AT_ONCE]
            records = await self.records.read_many(some)
            found.unrecorded = found.unrecorded or len(records) < len(some)
            records = {name: one for name, one in records.items() if one.event.router_uid == router}
            uids = await self.uids(
                one.model for record in records.values() for one in record.event.manifest.participants
            )
            for name in some:
                if name in records:
                    _take(found, records[name].event, truths[name], uids)
        return found

    async def labels(self, partition: int, minute: int) -> int:
        """How many labels there are of a minute's predictions."""
        redis: Any = self.connections.steady
        return int(await redis.hlen(keys.truths(partition, minute)))

    async def complete(self, partition: int, folded: int, minute: int, found: Minute) -> bool:
        """Whether every prediction of the minute by the routers that labels speak of is labelled, and they
        made none between the minute that is folded and this one."""
        if found.lacking or found.unrecorded or not found.labelled:
            return False
        redis: Any = self.connections.steady
        async with redis.pipeline() as pipe:
            for uid in found.labelled:
                pipe.zcard(keys.record_ids(partition, uid, minute))
                pipe.zcount(keys.record_minutes(partition, uid), folded + 1, minute - 1)
            counts = await pipe.execute()
        made, before = counts[::2], counts[1::2]
        return made == list(found.labelled.values()) and not any(before)

    async def folded(
        self, partition: int, losses: Mapping[Stream, Sequence[Observed]]
    ) -> dict[str, ConceptState]:
        """The states of the models with a minute's losses in them."""
        uids = sorted({place.model for place in losses})
        states = await self.store.states(partition, uids)
        detections = await self.store.detections(uids)
        for place, observed in sorted(losses.items()):
            detection = detections[place.model]
            if detection.disabled or (place.router and detection.without_rewards):
                continue
            terms = terms_of(detection).of_rewards(place.measure) if place.router else terms_of(detection)
            stream = _stream(states[place.model], place, terms)
            for begin in range(0, len(observed), FOLDED_AT_ONCE):
                watching.fold(stream, terms, observed[begin : begin + FOLDED_AT_ONCE])
                # Others want to be answered meanwhile.
                await asyncio.sleep(0)
        return {uid: state for uid, state in states.items() if state.streams}

    async def _truths(self, partition: int, minute: int) -> dict[str, dict[int, Truth]]:
        redis: Any = self.connections.steady
        found: dict[str, dict[int, Truth]] = defaultdict(dict)
        cursor = -1
        while cursor:
            cursor, some = await redis.hscan(keys.truths(partition, minute), max(cursor, 0), count=AT_ONCE)
            for blob in some.values():
                entry = TruthEntry.FromString(blob)
                formats.check("truth", entry.format, formats.TRUTH)
                if not entry.metric:
                    found[entry.prediction_id][entry.row] = entry.truth
        return found

    async def uids(self, models: Iterable[str]) -> dict[str, str]:
        """Uids of the models by name, as they are registered now."""
        names = sorted(set(models))
        redis: Any = self.connections.steady
        found = await redis.hmget(keys.catalog_names("models"), names) if names else []
        return {name: uid.decode() for name, uid in zip(names, found, strict=True) if uid}


def _stream(state: ConceptState, place: Stream, terms: Terms) -> ConceptStream:
    """The stream of that place, which begins where there was none."""
    for one in state.streams:
        if (one.metric, one.router) == (place.metric, place.router):
            return one
    stream = state.streams.add()
    stream.CopyFrom(watching.begin(place.metric, terms, place.router))
    return stream


def _take(
    found: Minute, event: PredictionEvent, truths: Mapping[int, Truth], uids: Mapping[str, str]
) -> None:
    name, outside = event.manifest.prediction_id, not (event.manifest.router or event.manifest.decision.mode)
    if len(truths) >= max(event.rows, 1):
        found.labelled[event.router_uid] += 1
    else:
        found.lacking = True
    for place, errors in losses.observed(event, truths).items():
        uid = event.router_uid if outside else uids.get(place.model, "")
        # A name may have been given to another model since: a uid tells when it was registered.
        if uid and (outside or ids.time_of(uid) <= ids.time_of(name)):
            found.errors[Stream(uid, place.metric)] += errors
