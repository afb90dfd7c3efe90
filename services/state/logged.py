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
from services.state.packed import PackedBatch, PackedEvent, WholeBatch, packed_event
from services.state.sound import are_ids, are_moments

# Fewer are asked one by one in less time.
FEW = 32
E = TypeVar("E", bound=PredictionEvent)
S = TypeVar("S")
T = TypeVar("T")


class Logged(NamedTuple):
    """What a batch carries, as far as it can be read: predictions, late outcomes of participants, and what
    was lost before it, if anything was."""

    predictions: Sequence[PredictionEvent | PackedEvent]
    participants: Sequence[ParticipantEvent] = ()
    gap: Gap | None = None


def read(wire: bytes) -> Logged:
    """A batch, read once for all who handle it; of what is left out the log says why. Raises DecodeError for
    what is no batch, NewerFormat."""
    return _logged(wire, WholeBatch.FromString, PredictionEvent.FromString, _check_times)


def read_packed(wire: bytes) -> Logged:
    """The same with features and times of the predictions unread."""
    return _logged(wire, PackedBatch.FromString, packed_event, _check_stamps, _are_sound)


def _logged(
    wire: bytes,
    whole: Callable[[bytes], Any],
    one: Callable[[bytes], PredictionEvent],
    check: Callable[[Any], None],
    sound: Callable[[Sequence[Any]], bool] = lambda _: False,
) -> Logged:
    read_one: Callable[[Any], PredictionEvent] = partial(_checked, check)
    try:
        batch = whole(wire)
    except DecodeError:
        # One that cannot be read, or is nested as deeply as a message may be: by itself it can be.
        batch = EventBatch.FromString(wire)
        read_one, sound = partial(_alone, one, check), lambda _: False
    # First of all: what a newer version wrote may break the rules of this one.
    formats.check("event batch", batch.format, formats.EVENT_BATCH)
    events = list(batch.predictions)
    if not sound(events):
        events = list(_each(batch, events, read_one))
    ended = list(_each(batch, batch.participants, _read_participant))
    return Logged(events, ended, batch.gap if batch.HasField("gap") else None)


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


def _are_sound(events: Sequence[PackedEvent]) -> bool:
    """Whether none of them is to be left out: False where that is not sure, or they are few."""
    if len(events) < FEW or any(event.format > formats.PREDICTION_EVENT for event in events):
        return False
    stamps: list[Any] = [event.time for event in events]
    told: list[Any] = [event.event_time for event in events]
    if told != stamps:
        stamps += filter(None, told)
    return are_ids([event.manifest.prediction_id for event in events]) and are_moments(stamps)


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
