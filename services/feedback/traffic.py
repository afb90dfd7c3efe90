"""Counts predictions and calls of models from the event stream, in buckets of the time of the prediction.

Each bucket is written whole, under the partition's fence, with the last entry that is in it. What comes
again, also to another owner after a crash between two writes, is skipped bucket by bucket.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from turnout.feedback.v1.traffic_pb2 import CallBucket, CallCounts, TrafficBucket
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import Participant

from services.feedback.grouping import Groups
from services.feedback.rulebook import Rulebook
from services.feedback.wire.records import from_outside
from services.feedback.wire.traffic import SHADOW, Facts, add_call, add_prediction, ended, facts_of
from services.state import formats, ids
from services.state.buckets import Bucket, buckets_of, touching
from services.state.consumer import Entry
from services.state.fenced import Fence
from services.state.logged import Logged
from services.state.moments import BadTimestamp, moment
from services.state.outcomes import OTHER, SEGMENT_VALUES
from services.state.positions import order
from services.state.traffic import CALLS_SECONDS, TrafficStore, kept_calls, kept_traffic

MOST_MODELS = 1000

B = TypeVar("B", TrafficBucket, CallBucket)
Place = tuple[str, Bucket]


class Predicted(NamedTuple):
    """A prediction in its buckets. segments: of each, name, value and how many values are told apart."""

    places: Sequence[Place]
    variant: str
    policy: str
    facts: Facts
    segments: Sequence[tuple[str, str, int]] = ()


class Happened(NamedTuple):
    """What an entry says: predictions; calls by minute of their prediction and uid of the model."""

    id: str
    predictions: Sequence[Predicted]
    calls: Sequence[tuple[int, str, Participant]]


class Open(Generic[B]):
    """A bucket that is being counted into; `held` is the last entry that was in it when it was read."""

    __slots__ = ("_groups", "bucket", "held", "touched")

    def __init__(self, bucket: B) -> None:
        self.bucket: B = bucket
        self.held = order(bucket.last_entry)
        self.touched = False
        self._groups: Groups | None = None

    def lacks(self, entry: str) -> bool:
        """Whether what the entry says is not counted yet; it is taken for counted from now on."""
        if order(entry) <= self.held:
            return False
        self.bucket.last_entry, self.touched = entry, True
        return True

    def groups(self: "Open[TrafficBucket]") -> Groups:
        """Its groups; read when the first prediction is counted."""
        if self._groups is None:
            self.bucket.format = formats.TRAFFIC
            self._groups = Groups(self.bucket)
        return self._groups


@dataclass(frozen=True, slots=True)
class Traffic:
    """A handler of the event streams. `now` is in seconds since 1970."""

    store: TrafficStore
    rulebook: Rulebook
    now: Callable[[], float]

    async def handle(self, partition: int, fence: Fence, entries: Sequence[Entry[Logged]]) -> None:
        """Count what is not counted yet. Raises LostLease, NewerFormat, StateUnavailable."""
        now = self.now()
        happened = [self._read(entry, now) for entry in entries]
        routers = await self._routers(partition, happened)
        calls = await self._calls(partition, happened)
        for entry in happened:
            _count_predictions(routers, entry)
            _count_calls(calls, entry)
        traffic = {place: one.bucket for place, one in routers.items() if one.touched}
        minutes = {minute: one.bucket for minute, one in calls.items() if one.touched}
        values = [*kept_traffic(partition, traffic, now), *kept_calls(partition, minutes)]
        await self.store.write(fence, values)
        await self.store.mark(partition, fence, set(_lost(entries, now)), now)

    def _read(self, entry: Entry[Logged], now: float) -> Happened:
        predictions, calls = [], []
        oldest = (now - CALLS_SECONDS) / 60
        for event in entry.message.predictions:
            time = ids.time_of(event.manifest.prediction_id)
            # What was logged from outside has no router whose traffic it could be.
            counted = event.router_uid and not from_outside(event)
            buckets = buckets_of(time, now) if counted else []
            places = [(event.router_uid, bucket) for bucket in buckets]
            decision, segments = event.manifest.decision, segments_of(self.rulebook, event)
            predictions.append(
                Predicted(places, decision.variant, decision.policy, facts_of(event), segments)
            )
            # Who logs from outside may not know how long it took: that is no call of no time.
            timed = [one for one in event.manifest.participants if counted or one.HasField("latency")]
            calls += list(self._called(event.manifest.prediction_id, timed))
        for late in entry.message.participants:
            calls += list(self._called(late.prediction_id, [late.participant]))
        return Happened(entry.id, predictions, [call for call in calls if call[0] > oldest])

    def _called(
        self, prediction_id: str, participants: Iterable[Participant]
    ) -> Iterator[tuple[int, str, Participant]]:
        time = ids.time_of(prediction_id)
        for one in ended(participants):
            if uid := self.rulebook.model_uid(one.model, time):
                yield int(time // 60), uid, one

    async def _routers(
        self, partition: int, happened: Iterable[Happened]
    ) -> Mapping[Place, Open[TrafficBucket]]:
        places = list(dict.fromkeys(_places(happened)))
        found = await self.store.at(partition, places) if places else []
        return {place: Open(bucket) for place, bucket in zip(places, found, strict=True)}

    async def _calls(self, partition: int, happened: Iterable[Happened]) -> Mapping[int, Open[CallBucket]]:
        minutes = list(dict.fromkeys(minute for entry in happened for minute, _, _ in entry.calls))
        found = await self.store.calls([(partition, minute) for minute in minutes]) if minutes else []
        return {minute: Open(bucket) for minute, bucket in zip(minutes, found, strict=True)}


def segments_of(rulebook: Rulebook, event: PredictionEvent) -> Sequence[tuple[str, str, int]]:
    """The segments of a prediction: name, value, and how many values are told apart."""
    if not event.segments:
        return ()
    # A router that is too new to be known, or a segment that it has no more: the default serves.
    rules = rulebook.known(event.router_uid)
    most = rules.segments if rules is not None else {}
    return [(name, value, most.get(name, SEGMENT_VALUES)) for name, value in event.segments.items()]


def _count_predictions(routers: Mapping[Place, Open[TrafficBucket]], entry: Happened) -> None:
    lacking = {place: routers[place].lacks(entry.id) for place in set(_places([entry]))}
    for one in entry.predictions:
        for place in one.places:
            if lacking[place]:
                groups = routers[place].groups()
                add_prediction(groups.of(one.variant, one.policy), one.facts)
                for segment in one.segments:
                    add_prediction(groups.of_segment(*segment, one.variant, one.policy), one.facts)


def _places(happened: Iterable[Happened]) -> Iterator[Place]:
    return (place for entry in happened for one in entry.predictions for place in one.places)


def _count_calls(calls: Mapping[int, Open[CallBucket]], entry: Happened) -> None:
    lacking = {minute: calls[minute].lacks(entry.id) for minute in {minute for minute, _, _ in entry.calls}}
    for minute, uid, one in entry.calls:
        if lacking[minute]:
            add_call(_counts(calls[minute].bucket, uid, one), one)


def _counts(bucket: CallBucket, uid: str, one: Participant) -> CallCounts:
    bucket.format = formats.CALLS
    if uid not in bucket.models and len(bucket.models) >= MOST_MODELS:
        uid = OTHER
    found = bucket.models[uid]
    return found.shadows if one.role == SHADOW else found.calls


def _lost(entries: Iterable[Entry[Logged]], now: float) -> Iterator[Bucket]:
    for gap in (gap for entry in entries if (gap := entry.message.gap) is not None):
        try:
            first, last = sorted((moment(gap.first, "first"), moment(gap.last, "last")))
        except BadTimestamp:
            first = last = now  # something is lost all the same, and now is where people look
        yield from touching(first, last, now)
