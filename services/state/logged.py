"""What a batch of events carries, one by one: one that cannot be read must not cost the others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1.event_pb2 import EventBatch, Gap, ParticipantEvent, PredictionEvent

from services.foundation.logs import log
from services.state import formats, ids
from services.state.errors import BadPredictionId
from services.state.moments import BadTimestamp, moment
from services.state.packed import PackedBatch, PackedEvent, SideBySide, WholeBatch, packed_event
from services.state.sound import Seconds, are_ids, seconds_of

# Fewer are asked one by one in less time.
FEW = 32
E = TypeVar("E", bound=PredictionEvent)
S = TypeVar("S")
T = TypeVar("T")


class Columns(NamedTuple):
    """Of many predictions, side by side: when each was in the caller's world, whole seconds since 1970, and
    the bytes of its features, of which nothing is withheld."""

    seconds: Seconds
    features: Sequence[bytes]

    def at(self, places: Sequence[int]) -> "Columns":
        """Those of some of them."""
        return Columns(self.seconds[places], [self.features[place] for place in places])


class Logged(NamedTuple):
    """What a batch carries, as far as it can be read: predictions, late outcomes of participants, and what
    was lost before it, if anything was. columns: those of its predictions, where each of them has all."""

    predictions: Sequence[PredictionEvent | PackedEvent]
    participants: Sequence[ParticipantEvent] = ()
    gap: Gap | None = None
    columns: Columns | None = None


Look = Callable[[bytes, int], tuple[bool, Columns | None]]


def read(wire: bytes) -> Logged:
    """A batch, read once for all who handle it; of what is left out the log says why. Raises DecodeError for
    what is no batch, NewerFormat."""
    return _logged(wire, WholeBatch.FromString, PredictionEvent.FromString, _check_times)


def read_packed(wire: bytes) -> Logged:
    """The same with features and times of the predictions unread."""
    return _logged(wire, PackedBatch.FromString, packed_event, _check_stamps, _side_by_side)


def _logged(
    wire: bytes,
    whole: Callable[[bytes], Any],
    one: Callable[[bytes], PredictionEvent],
    check: Callable[[Any], None],
    look: Look = lambda *_: (False, None),
) -> Logged:
    read_one: Callable[[Any], PredictionEvent] = partial(_checked, check)
    try:
        batch = whole(wire)
    except DecodeError:
        # One that cannot be read, or is nested as deeply as a message may be: by itself it can be.
        batch = EventBatch.FromString(wire)
        read_one, look = partial(_alone, one, check), lambda *_: (False, None)
    # First of all: what a newer version wrote may break the rules of this one.
    formats.check("event batch", batch.format, formats.EVENT_BATCH)
    events = list(batch.predictions)
    sound, columns = look(wire, len(events))
    if not sound:
        events = list(_each(batch, events, read_one))
    ended = list(_each(batch, batch.participants, _read_participant))
    return Logged(events, ended, batch.gap if batch.HasField("gap") else None, columns)


def _each(batch: EventBatch, some: Iterable[S], read: Callable[[S], T]) -> Iterator[T]:
    for place, one in enumerate(some):
        try:
            yield read(one)
        except (DecodeError, BadPredictionId, BadTimestamp) as error:
            where = {"writer": batch.writer, "sequence": batch.sequence, "place": place}
            log.error("an event cannot be read", why=str(error), **where)


def _checked(check: Callable[[E], None], event: E) -> E:
    formats.check("prediction event", event.format, formats.PREDICTION_EVENT)
    ids.partition_of(event.manifest.prediction_id)
    check(event)
    return event


def _alone(one: Callable[[bytes], E], check: Callable[[E], None], wire: bytes) -> E:
    return _checked(check, one(wire))


def _check_times(event: PredictionEvent) -> None:
    moment(event.time, "time")
    moment(event.event_time, "event_time")


def _side_by_side(wire: bytes, size: int) -> tuple[bool, Columns | None]:
    """Whether none of a batch's predictions, so many, is to be left out: False where that is not sure, or
    they are few. And their columns, where each of them has all."""
    if size < FEW:
        return False, None
    found = SideBySide.FromString(wire).predictions
    names, stamps, told = list(found.manifest.prediction_id), list(found.time), list(found.event_time)
    if max(found.format, default=0) > formats.PREDICTION_EVENT or not len(names) == len(stamps) == size:
        return False, None
    arrived = seconds_of(stamps)
    # Mostly the same: the caller did not say.
    seconds = arrived if told in (stamps, []) else seconds_of(told)
    if arrived is None or seconds is None or not are_ids(names):
        return False, None
    features = list(found.features)
    whole = len(seconds) == len(features) == size and all(features) and not found.withheld
    return True, Columns(seconds, features) if whole else None


def _check_stamps(event: PackedEvent) -> None:
    time, told = cast("tuple[bytes, bytes]", (event.time, event.event_time))
    moment(Timestamp.FromString(time), "time")
    # Mostly the same: the caller did not say.
    if told != time:
        moment(Timestamp.FromString(told), "event_time")


def _read_participant(wire: bytes) -> ParticipantEvent:
    event = ParticipantEvent.FromString(wire)
    formats.check("participant event", event.format, formats.PARTICIPANT_EVENT)
    ids.partition_of(event.prediction_id)
    return event
