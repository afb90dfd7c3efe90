"""Notes which minutes of which routers have labels, from the truth stream: drift's own group of readers."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.drift.v1.concept_pb2 import ConceptProgress
from turnout.inference.v1.event_pb2 import TruthEntry

from services.drift.concept.store import ConceptStore
from services.state import ids
from services.state.consumer import Entry
from services.state.fenced import Fence
from services.state.positions import order
from services.state.records import RecordStore

# A truth is small: as many as feedback takes share a round trip.
ENTRIES = 256
# Whose the predictions are whose records are still to come.
UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Noting:
    """A handler of the truth stream, and what it noted: `held` by partition, with the token of the owner."""

    store: ConceptStore
    records: RecordStore
    locks: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    held: dict[int, tuple[str, ConceptProgress]] = field(default_factory=dict)

    async def handle(self, partition: int, fence: Fence, entries: Sequence[Entry[TruthEntry]]) -> None:
        """Note the minutes; entries that come again are skipped. Raises LostLease, NewerFormat,
        StateUnavailable."""
        async with self.locks[partition]:
            progress = await self.take(partition, fence)
            last = order(progress.last_entry)
            # An entry that speaks for a metric is no ground truth.
            fresh = [one for one in entries if order(one.id) > last and not one.message.metric]
            records = await self.records.read_many(one.message.prediction_id for one in fresh)
            for entry in fresh:
                name = entry.message.prediction_id
                router = records[name].event.router_uid if name in records else UNKNOWN
                note(progress, router, ids.minute_of(name), order(entry.id)[0])
            progress.last_entry = max(progress.last_entry, entries[-1].id, key=order)
            await self.store.write(partition, fence, progress)
            self.held[partition] = fence.token, progress

    async def take(self, partition: int, fence: Fence) -> ConceptProgress:
        """The progress, to be changed and written: nobody else has it until `held` has it again. Raises
        NewerFormat, StateUnavailable."""
        # Taken out first: what was changed and could not be written is read again.
        token, progress = self.held.pop(partition, ("", ConceptProgress()))
        return progress if token == fence.token else await self.store.progress(partition)


def note(progress: ConceptProgress, router: str, minute: int, since: int) -> None:
    """Take a label in: its minute waits from its first label on, unless it is folded already. Each router has
    minutes of its own: one that is labelled at once makes nobody late who is labelled after a day."""
    place = progress.labels[router]
    if minute <= place.folded:
        place.late += 1
    elif minute not in place.waiting:
        place.waiting[minute] = since
