"""Batches that Redis did not take, on disk: first in, first out, within a cap.

Past the cap the oldest segment goes, and a batch with nothing but a counted gap takes the place and the
sequence of what was in it. A batch that was tried already is never dropped: Redis may have it, and the count
would be wrong. Files of writers that died are taken over with their writers' names and sequences, by whoever
gets the kernel's lock on them.

Everything here blocks on the disk and belongs into one thread that is not the event loop's.
"""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from services.foundation.logs import log
from services.state.errors import NewerFormat
from services.state.events import WRITTEN_SECONDS, Batch
from services.state.segments import SUFFIX, Entry, Segment, record_bytes, settled
from services.state.spool_facts import Facts, Key, facts_of, gap_for
from services.state.spool_locks import SpoolLocks

# The oldest sixteenth of the cap is dropped at a time.
SEGMENTS = 16
# Bounds what is kept in memory of the batches on disk: 50 MB.
MOST_BATCHES = 100_000
# Past this age Redis forgets which batches it has, and one sent again might count twice.
OLDEST_NS = (WRITTEN_SECONDS - 86_400) * 1_000_000_000


class Spool:
    """The spool of `writer` in `directory`; `clock` is the wall clock in ns since 1970.

    batches, events: what waits; dropped: events lost to the cap so far.
    """

    def __init__(self, directory: Path, writer: str, *, most_bytes: int, clock: Callable[[], int]) -> None:
        self.batches = self.events = self.dropped = 0
        self._directory = directory
        self._writer = writer
        self._most_bytes = most_bytes
        self._clock = clock
        self._locks = SpoolLocks(directory)
        self._queues: dict[Key, deque[Entry]] = {}
        self._segments: list[Segment] = []
        self._current: Segment | None = None
        self._number = self._turn = 0

    @property
    def size(self) -> int:
        """What the files take."""
        return sum(segment.size for segment in self._segments)

    def holds(self, partition: int) -> bool:
        """Whether a batch of this writer waits for the partition. The one method for any thread."""
        return (partition, self._writer) in self._queues

    def open(self) -> None:
        """Make the directory and lock this writer's name in it; again is harmless."""
        self._locks.create(self._writer)

    def append(self, batch: Batch, *, tried: bool = False) -> list[Facts]:
        """Keep a batch behind the others of its partition and writer.

        Returns what was dropped, to make room or because it fits nowhere. Raises OSError when the disk fails:
        the batch is not kept then.
        """
        facts, size = facts_of(batch, self._clock()), record_bytes(batch.writer, len(batch.payload))
        dropped = self._make_room(size)
        if size > self._most_bytes:
            dropped.append(facts)
            self.dropped += batch.events
            kept = self._written(*gap_for([facts]), tried=tried)
        else:
            kept = self._written(facts, batch.payload, tried=tried)
        self._enqueue([kept])
        return dropped

    def heads(self, most_bytes: int, without: Container[Key] = ()) -> list[Batch]:
        """The oldest batch of each partition and writer: at least one, about `most_bytes` at most, beginning
        with those that had to wait in the last round. They count as tried from now on."""
        keys = [key for key in self._queues if key not in without]
        turn = self._turn % len(keys) if keys else 0
        heads: list[Batch] = []
        size = 0
        for key in keys[turn:] + keys[:turn]:
            entry = self._queues[key][0]
            size += entry.place.length
            if heads and size > most_bytes:
                break
            entry.tried = True
            heads.append(entry.facts.batch(entry.segment.read(entry.place)))
        self._turn = turn + len(heads)
        return heads

    def remove(self, batches: Iterable[Batch]) -> None:
        """Forget batches that Redis has: each the head of its queue."""
        for batch in batches:
            queue = self._queues[batch.partition, batch.writer]
            entry = queue.popleft()
            if not queue:
                del self._queues[entry.facts.key]
            self._forget(entry)
        if not self._queues:
            self._current = None
            for segment in list(self._segments):
                self._retire(segment)

    def take_over(self) -> list[Facts]:
        """Add what dead writers left here. Files that cannot be read stay, and are reported.

        Returns what was dropped: the batches of which nobody can tell any more whether Redis has them."""
        segments = [segment for owner in self._locks.take_dead() for segment in self._opened(owner)]
        segments.sort(key=lambda segment: segment.modified)
        self._segments[:0] = segments
        found: dict[Key, list[Entry]] = {}
        for segment in segments:
            for facts, place in segment.records():
                found.setdefault(facts.key, []).append(Entry(facts, segment, place, tried=False))
            if segment.torn:
                log.warning("the end of a spool file is torn", path=str(segment.path), bytes=segment.torn)
        dropped: list[Facts] = []
        for entries in found.values():
            head, *others = settled(entries)
            # The dead one may have sent it; the others certainly not.
            head.tried = True
            if self._clock() - head.segment.modified > OLDEST_NS:
                dropped.append(head.facts)
                gap = self._written(*gap_for([head.facts]), tried=True)
                head.segment.finish(head.place)
                head = gap
            self._enqueue([head, *others])
        for segment in segments:
            self._retire(segment)
        self.dropped += sum(one.events for one in dropped)
        return dropped

    def close(self) -> None:
        """Let go of the files; those that still hold something stay for the next writer."""
        for segment in self._segments:
            segment.close()
        self._locks.release_all(kept={segment.owner for segment in self._segments})

    def _opened(self, owner: str) -> Iterator[Segment]:
        for path in sorted(self._directory.glob(f"{owner}.*{SUFFIX}")):
            try:
                yield Segment.open(path)
            except NewerFormat as error:
                log.error("a spool file is left alone", path=str(path), why=error.message)

    def _enqueue(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._queues.setdefault(entry.facts.key, deque()).append(entry)
            self._count(entry, 1)

    def _count(self, entry: Entry, sign: int) -> None:
        entry.segment.live += sign
        self.batches += sign
        self.events += sign * entry.facts.events

    def _written(self, facts: Facts, payload: bytes, *, tried: bool) -> Entry:
        segment = self._current
        full = self._most_bytes // SEGMENTS
        if segment is None or segment.size >= full or segment.live >= MOST_BATCHES // SEGMENTS:
            self._number += 1
            segment = Segment.create(self._directory / f"{self._writer}.{self._number:08}{SUFFIX}")
            self._segments.append(segment)
        # Forgotten while it is written to: after a failure its end is torn, and nothing may follow.
        self._current = None
        try:
            place = segment.append(facts, payload)
        except OSError:
            self._retire(segment)
            raise
        self._current = segment
        return Entry(facts, segment, place, tried)

    def _make_room(self, size: int) -> list[Facts]:
        dropped: list[Facts] = []
        for segment in list(self._segments):
            full = self.size + size > self._most_bytes or self.batches >= MOST_BATCHES
            if full and segment is not self._current:
                dropped += self._drop(segment)
                self._retire(segment)
        return dropped

    def _drop(self, segment: Segment) -> list[Facts]:
        """Empty a segment: what was tried moves on, and of what follows each other a gap takes the place."""
        dropped: list[Facts] = []
        for key, queue in list(self._queues.items()):
            if not any(entry.segment is segment for entry in queue):
                continue
            kept: list[Entry] = []
            for going, run in groupby(queue, lambda entry: _droppable(entry, segment)):
                entries = list(run)
                if going and any(entry.segment is segment for entry in entries):
                    dropped += (lost := [entry.facts for entry in entries])
                    self.dropped += sum(one.events for one in lost)
                    kept.append(self._written(*gap_for(lost), tried=False))
                else:
                    kept += [self._moved(one) if one.segment is segment else one for one in entries]
            # A new queue in one step: the event loop may be asking whether there is one.
            self._queues[key] = deque(kept)
            # What is new counts first: a file with nothing in it would be deleted.
            for made in set(kept).difference(queue):
                self._count(made, 1)
            for gone in set(queue).difference(kept):
                self._forget(gone)
        return dropped

    def _forget(self, entry: Entry) -> None:
        entry.segment.finish(entry.place)
        self._count(entry, -1)
        self._retire(entry.segment)

    def _moved(self, entry: Entry) -> Entry:
        return self._written(entry.facts, entry.segment.read(entry.place), tried=entry.tried)

    def _retire(self, segment: Segment) -> None:
        """Delete a file that holds nothing any more, and forget its writer with the last one."""
        if segment.live or segment is self._current or segment not in self._segments:
            return
        self._segments.remove(segment)
        segment.remove()
        if segment.owner not in {self._writer, *(left.owner for left in self._segments)}:
            self._locks.release(segment.owner)


def _droppable(entry: Entry, segment: Segment) -> bool:
    # Gaps wherever they are join their neighbours: between two batches there is never more than one.
    return not entry.tried and (entry.segment is segment or not entry.facts.events)
