"""Events in memory: put one by one, sealed into batches."""

from collections.abc import Callable

from turnout.inference.v1.event_pb2 import EventBatch

from services.state.events import Batch, Loss, seal, times

# A batch ends before it is larger; one event alone may be.
BATCH_BYTES = 1024 * 1024
# What an event takes in memory beside its bytes.
OVERHEAD_BYTES = 64

# An event of a participant is told from a prediction by its tuple: one list keeps the order of both.
Waiting = list[bytes | tuple[bytes]]


class Pending:
    """What waits for a batch, at most `most_bytes`; past that, events are refused and leave a gap.

    count: events that wait; dropped: events refused so far.
    """

    __slots__ = (
        "_bytes",
        "_clock",
        "_lost",
        "_most_bytes",
        "_sealed",
        "_sequences",
        "_waiting",
        "_writer",
        "count",
        "dropped",
    )

    def __init__(self, writer: str, most_bytes: int, clock: Callable[[], int]) -> None:
        self.count = 0
        self.dropped = 0
        self._writer = writer
        self._most_bytes = most_bytes
        self._clock = clock
        self._bytes = 0
        self._waiting: dict[int, Waiting] = {}
        self._lost: dict[int, Loss] = {}
        self._sequences: dict[int, int] = {}
        self._sealed: dict[int, int] = {}

    def put(self, partition: int, event: bytes | tuple[bytes], size: int) -> None:
        """Add an event; O(1)."""
        size += OVERHEAD_BYTES
        if self._bytes + size > self._most_bytes:
            self._refuse(partition, event)
            return
        waiting = self._waiting.get(partition)
        if waiting is None:
            waiting = self._waiting[partition] = []
        waiting.append(event)
        self._bytes += size
        self.count += 1

    def lose(self, partition: int, loss: Loss) -> None:
        """Let the next batch of the partition report a loss."""
        before = self._lost.get(partition)
        self._lost[partition] = before + loss if before else loss
        self._waiting.setdefault(partition, [])

    def stop(self) -> None:
        """Refuse everything from now on."""
        self._most_bytes = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to seal."""
        return not self._waiting

    def seal(self, most_events: int, most_bytes: int) -> list[Batch]:
        """A batch of at most `most_events` for each partition, until they have `most_bytes` together."""
        batches: list[Batch] = []
        size = 0
        for partition in list(self._waiting):
            waiting = self._waiting.pop(partition)
            batches.append(self._batch(partition, waiting, most_events))
            if waiting:
                self._waiting[partition] = waiting  # what is left goes to the end of the line
            size += len(batches[-1].payload)
            if size > most_bytes:
                break
        return batches

    def has_lost(self, partition: int) -> bool:
        """Whether events of the partition were lost since its last batch."""
        return partition in self._lost

    def through(self) -> dict[int, int]:
        """How many events of each partition were put so far, without those that were refused."""
        counts = dict(self._sealed)
        for partition, waiting in self._waiting.items():
            counts[partition] = counts.get(partition, 0) + len(waiting)
        return counts

    def _batch(self, partition: int, waiting: Waiting, most_events: int) -> Batch:
        taken = _take(waiting, most_events)
        self.count -= len(taken)
        self._sealed[partition] = through = self._sealed.get(partition, 0) + len(taken)
        self._sequences[partition] = sequence = self._sequences.get(partition, 0) + 1
        message = EventBatch(writer=self._writer, sequence=sequence)
        for event in taken:
            if isinstance(event, bytes):
                message.predictions.append(event)
                self._bytes -= len(event) + OVERHEAD_BYTES
            else:
                message.participants.append(event[0])
                self._bytes -= len(event[0]) + OVERHEAD_BYTES
        if loss := self._lost.pop(partition, None):
            message.gap.CopyFrom(loss.gap())
        return seal(message, partition, through)

    def _refuse(self, partition: int, event: bytes | tuple[bytes]) -> None:
        self.dropped += 1
        message = EventBatch(
            predictions=[event] if isinstance(event, bytes) else (),
            participants=event if isinstance(event, tuple) else (),
        )
        self.lose(partition, Loss(1, *times(message, self._clock())))


def _take(waiting: Waiting, most_events: int) -> Waiting:
    """Remove and return the first events of a list: one, or as many as a batch may have."""
    size = 0
    end = min(len(waiting), most_events)
    for index in range(end):
        event = waiting[index]
        size += len(event) if isinstance(event, bytes) else len(event[0])
        if index and size > BATCH_BYTES:
            end = index
            break
    taken = waiting[:end]
    del waiting[:end]
    return taken
