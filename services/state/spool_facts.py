"""What the spool knows of a batch without reading it, and the gap that takes the place of dropped ones."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from turnout.inference.v1.event_pb2 import EventBatch

from services.state.events import Batch, Loss, seal, times

Key = tuple[int, str]


class Facts(NamedTuple):
    """since, sequence: the first and the last of the writer's batches that it stands for, different only
    where it took the place of dropped ones; first, last: times of its events, in ns since 1970; the rest as
    in Batch."""

    partition: int
    writer: str
    since: int
    sequence: int
    events: int
    lost: int
    through: int
    first: int
    last: int

    @property
    def key(self) -> Key:
        """Batches of one key are in one order."""
        return self.partition, self.writer

    def batch(self, payload: bytes) -> Batch:
        """The batch, ready to be sent."""
        return Batch(
            self.partition, self.writer, self.sequence, payload, self.events, self.lost, self.through
        )


def facts_of(batch: Batch, now: int) -> Facts:
    """The facts of a batch; `now` stands for the times of events that do not say theirs."""
    first, last = times(EventBatch.FromString(batch.payload), now)
    sequence = batch.sequence
    return Facts(
        batch.partition,
        batch.writer,
        sequence,
        sequence,
        batch.events,
        batch.lost,
        batch.through,
        first,
        last,
    )


def gap_for(dropped: Sequence[Facts]) -> tuple[Facts, bytes]:
    """A batch of nothing but a gap, for batches of one key that follow each other. It has the sequence of the
    last of them, so that it too is appended once, whoever tries how often."""
    loss = reduce(add, (Loss(one.events + one.lost, one.first, one.last) for one in dropped))
    last = dropped[-1]
    batch = seal(
        EventBatch(writer=last.writer, sequence=last.sequence, gap=loss.gap()), last.partition, last.through
    )
    facts = last._replace(
        since=dropped[0].since, events=0, lost=loss.events, first=loss.first, last=loss.last
    )
    return facts, batch.payload
