"""What a batch of events carries, one by one: one that cannot be read must not cost the others."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1.event_pb2 import EventBatch, ParticipantEvent, PredictionEvent

from services.foundation.logs import log
from services.state import formats, ids
from services.state.errors import BadPredictionId
from services.state.moments import BadTimestamp, moment
from services.state.packed import PackedBatch, PackedEvent, packed_batch, packed_event

S = TypeVar("S")
T = TypeVar("T")


def readable(batch: EventBatch) -> Iterator[PredictionEvent]:
    """The predictions of a batch; of those left out the log says why. Raises NewerFormat."""
    return _each(batch, batch.predictions, _read)


def packed(batch: PackedBatch) -> Iterator[PackedEvent]:
    """The same with their features and times unread."""
    return _each(batch, cast("Iterable[PackedEvent]", batch.predictions), _checked)


def read_packed(wire: bytes) -> PackedBatch:
    """A batch without those of its predictions that cannot be read; of them the log says why. Raises
    DecodeError for what is no batch."""
    try:
        return packed_batch(wire)
    except DecodeError:
        batch = EventBatch.FromString(wire)
        batch.predictions[:] = [
            one.SerializeToString() for one in _each(batch, batch.predictions, packed_event)
        ]
        return packed_batch(batch.SerializeToString())


def completions(batch: EventBatch) -> Iterator[ParticipantEvent]:
    """The same of late outcomes of participants."""
    return _each(batch, batch.participants, _read_participant)


def _each(batch: EventBatch, some: Iterable[S], read: Callable[[S], T]) -> Iterator[T]:
    for place, one in enumerate(some):
        try:
            yield read(one)
        except (DecodeError, BadPredictionId, BadTimestamp) as error:
            where = {"writer": batch.writer, "sequence": batch.sequence, "place": place}
            log.error("an event cannot be read", why=str(error), **where)


def _read(wire: bytes) -> PredictionEvent:
    event = PredictionEvent.FromString(wire)
    _check(event)
    moment(event.time, "time")
    moment(event.event_time, "event_time")
    return event


def _checked(event: PackedEvent) -> PackedEvent:
    _check(event)
    time, told = cast("tuple[bytes, bytes]", (event.time, event.event_time))
    moment(Timestamp.FromString(time), "time")
    # Mostly the same: the caller did not say.
    if told != time:
        moment(Timestamp.FromString(told), "event_time")
    return event


def _check(event: PredictionEvent | PackedEvent) -> None:
    # First of all: what a newer version wrote may break the rules of this one.
    formats.check("prediction event", event.format, formats.PREDICTION_EVENT)
    ids.partition_of(event.manifest.prediction_id)


def _read_participant(wire: bytes) -> ParticipantEvent:
    event = ParticipantEvent.FromString(wire)
    formats.check("participant event", event.format, formats.PARTICIPANT_EVENT)
    ids.partition_of(event.prediction_id)
    return event
