"""Counts what each model was asked for, by the event time of the predictions: the other half of its history,
beside how right it was.

Each bucket is written whole, with the last entry that is in it. It lies in the model's own partition, which
may be another process's: what comes again is skipped bucket by bucket, and what a former owner writes late is
not taken.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from turnout.feedback.v1.traffic_pb2 import TrafficGroup
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.feedback.grouping import Groups
from services.feedback.rulebook import Rulebook
from services.feedback.traffic import Open, segments_of
from services.feedback.wire.records import at_fault, from_outside
from services.feedback.wire.traffic import ANSWERED, microseconds
from services.state.answering import ANSWERING
from services.state.asked import AskedStore, Where, history_time
from services.state.buckets import HISTORY_SECONDS, buckets_of
from services.state.consumer import Entry
from services.state.fenced import Fence
from services.state.latency import cell_of
from services.state.logged import Logged

# A copy whose answer is still to come was asked for all the same: its event tells when, its answer does not.
ASKED = ANSWERED | {manifest.OUTCOME_PENDING}


class Call(NamedTuple):
    """A call of a model. rows: those that it was asked for, 0 where it failed, or was asked a second time."""

    variant: str
    rows: int
    ended: bool
    failed: bool
    cell: int


class Told(NamedTuple):
    """What one prediction says of one model. asked_by: uid of the router; segments as of traffic."""

    places: Sequence[Where]
    asked_by: str
    calls: Sequence[Call]
    segments: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class History:
    """A handler of the event streams. `now` is in seconds since 1970."""

    store: AskedStore
    rulebook: Rulebook
    now: Callable[[], float]

    async def handle(self, partition: int, _fence: Fence, entries: Sequence[Entry[Logged]]) -> None:
        """Count what is not counted yet. Raises NewerFormat, StateUnavailable."""
        now = self.now()
        told = {
            entry.id: [one for event in entry.message.predictions for one in self._told(event, now)]
            for entry in entries
        }
        places = list(dict.fromkeys(place for some in told.values() for one in some for place in one.places))
        if not places:
            return
        found = await self.store.at(partition, places)
        buckets = {place: Open(bucket) for place, bucket in zip(places, found, strict=True)}
        for entry, some in told.items():
            own = {place for one in some for place in one.places}
            lacking = {place for place in own if buckets[place].lacks(entry)}
            for one in some:
                for place in one.places:
                    if place in lacking:
                        _count(buckets[place].groups(), one)
        changed = {place: one.bucket for place, one in buckets.items() if one.touched}
        await self.store.write(partition, changed, now)

    def _told(self, event: PredictionEvent, now: float) -> Iterator[Told]:
        outside = from_outside(event)
        calls: dict[str, list[Call]] = {}
        for one in event.manifest.participants:
            known = calls.get(one.model, [])
            if call := _call(one, event.rows, again=any(former.rows for former in known)):
                calls[one.model] = [*known, call]
        if not calls:
            return
        buckets = buckets_of(history_time(event), now, HISTORY_SECONDS)
        segments = segments_of(self.rulebook, event)
        made = event.time.seconds + event.time.nanos / 1e9
        for name, some in calls.items():
            if uid := event.router_uid if outside else self.rulebook.model_uid(name, made):
                places = [Where(uid, bucket) for bucket in buckets]
                yield Told(places, "" if outside else event.router_uid, some, segments)


def _call(one: manifest.Participant, rows: int, *, again: bool) -> Call | None:
    failed = at_fault(one)
    if not (failed or one.outcome in ASKED):
        return None
    asked = max(rows, 1) if one.role in ANSWERING and not failed and not again else 0
    # What was logged from outside may not tell what its call took.
    ended = one.outcome in ANSWERED and one.HasField("latency")
    cell = cell_of(microseconds(one.latency) / 1000) if ended else 0
    return Call(one.variant, asked, ended, failed, cell)


def _count(groups: Groups, one: Told) -> None:
    for call in one.calls:
        _add(groups.of(call.variant, one.asked_by), call)
        for segment in one.segments:
            _add(groups.of_segment(*segment, call.variant, one.asked_by), call)


def _add(group: TrafficGroup, call: Call) -> None:
    group.rows += call.rows
    if call.failed:
        group.requests += 1
        group.errors += 1
    elif call.ended:
        group.requests += 1
        group.latency_cells[call.cell] += 1
