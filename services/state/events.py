"""The event streams, one per partition: one entry per batch, each (writer, sequence) appended once.

An entry has the field BATCH_FIELD, a serialized EventBatch. Readers trim what every group has done; past a
cap in bytes an append is refused, so that events wait with their writer instead of vanishing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from redis.exceptions import ResponseError
from turnout.inference.v1.event_pb2 import EventBatch, Gap, ParticipantEvent, PredictionEvent

from services.foundation.logs import log
from services.state import formats, keys
from services.state.connection import Connections
from services.state.errors import BadPredictionId, StoreFull
from services.state.failures import MappedRedis, reaching_redis
from services.state.ids import time_of
from services.state.scripts import Run, Script

BATCH_FIELD = b"batch"

# Two minutes of a partition at 2,000 predictions a second: longer than any takeover of its readers.
STREAM_BYTES = 256 * 1024 * 1024
# How long a writer's last sequence is known: nothing older may be appended again.
WRITTEN_SECONDS = 7 * 86_400

_APPEND = Script("append_batch")


class Outcome(StrEnum):
    """What became of a batch. APPENDED and DUPLICATE: the stream has it; FULL and FAILED: it has not."""

    APPENDED = "APPENDED"
    DUPLICATE = "DUPLICATE"
    FULL = "FULL"
    FAILED = "FAILED"

    @property
    def stored(self) -> bool:
        """Whether the stream has the batch by now."""
        return self in (Outcome.APPENDED, Outcome.DUPLICATE)


@dataclass(frozen=True, slots=True)
class Loss:
    """Events that are gone: how many, and the times of the first and the last, in ns since 1970."""

    events: int
    first: int
    last: int

    def __add__(self, other: "Loss") -> "Loss":
        return Loss(self.events + other.events, min(self.first, other.first), max(self.last, other.last))

    def gap(self) -> Gap:
        """The same as the message that readers see."""
        first, last = Timestamp(), Timestamp()
        first.FromNanoseconds(self.first)
        last.FromNanoseconds(self.last)
        return Gap(events=self.events, first=first, last=last)


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed batch: what is sent, and sent again, until the stream has it.

    payload: the EventBatch, encoded once; events: how many it carries; lost: how many its gap reports;
    through: how many events the writer has sealed for the partition, up to the end of this batch.
    """

    partition: int
    writer: str
    sequence: int
    payload: bytes
    events: int
    lost: int = 0
    through: int = 0


def seal(message: EventBatch, partition: int, through: int = 0) -> Batch:
    """Encode a batch; its writer and sequence are set."""
    message.format = formats.EVENT_BATCH
    return Batch(
        partition,
        message.writer,
        message.sequence,
        message.SerializeToString(),
        len(message.predictions) + len(message.participants),
        message.gap.events,
        through,
    )


async def append(
    connections: Connections,
    partition: int,
    batch: EventBatch | bytes,
    writer: str,
    sequence: int,
    *,
    most_bytes: int = STREAM_BYTES,
) -> Outcome:
    """Append one batch: APPENDED, or DUPLICATE if the writer's sequence has come as far before.

    Raises StoreFull if the stream holds `most_bytes` that not every group has done, StateUnavailable if the
    outcome is unknown: then append the same batch again under the same sequence.
    """
    message = EventBatch()
    if isinstance(batch, bytes):
        message.ParseFromString(batch)
    else:
        message.CopyFrom(batch)
    message.writer, message.sequence = writer, sequence
    run = _run(seal(message, partition), most_bytes)
    return _raise_full(_outcome(await _APPEND(connections.steady, *run)), partition, most_bytes)


async def append_many(
    redis: MappedRedis, batches: Sequence[Batch], *, most_bytes: int = STREAM_BYTES
) -> list[Outcome]:
    """Append batches in one round trip, at most one per (partition, writer): behind one that is refused, the
    next would be taken for all that came before it.

    Raises StateUnavailable if the outcome of some is unknown.
    """
    with reaching_redis():
        return [
            _outcome(reply) for reply in await _APPEND.many(redis, (_run(b, most_bytes) for b in batches))
        ]


def times(message: EventBatch, now: int) -> tuple[int, int]:
    """Times of the first and the last event of a batch, its gap included, in ns since 1970; `now` where no
    event says."""
    found = [time for time in _times(message) if time > 0]
    return (min(found), max(found)) if found else (now, now)


def _times(message: EventBatch) -> Iterable[int]:
    if message.HasField("gap"):
        yield from (message.gap.first.ToNanoseconds(), message.gap.last.ToNanoseconds())
    for blob in message.predictions:
        try:
            yield PredictionEvent.FromString(blob).time.ToNanoseconds()
        except DecodeError:
            continue  # lost is lost; the others of the batch give the time
    for blob in message.participants:
        try:
            yield int(time_of(ParticipantEvent.FromString(blob).prediction_id) * 1e9)
        except (DecodeError, BadPredictionId):
            continue


def _run(batch: Batch, most_bytes: int) -> Run:
    stream = keys.events(batch.partition)
    named = (stream, keys.totals(stream), keys.written(batch.partition, batch.writer))
    lifetime = WRITTEN_SECONDS * 1000
    return named, (batch.sequence, batch.payload, batch.events, batch.lost, most_bytes, lifetime)


def _outcome(reply: Any) -> Outcome:
    if not isinstance(reply, Exception):
        return Outcome(reply[0].decode())
    try:
        with reaching_redis():
            raise reply
    except ResponseError as refusal:
        log.error("a batch of events is refused", why=str(refusal))
        return Outcome.FAILED


def _raise_full(outcome: Outcome, partition: int, most_bytes: int) -> Outcome:
    if outcome is Outcome.FULL:
        raise StoreFull(
            f"the event stream of partition {partition} is full: its readers have {most_bytes} bytes to do",
            retry_after=1.0,
            partition=partition,
            most_bytes=most_bytes,
        )
    return outcome
