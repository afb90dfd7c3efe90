"""What drift does with a partition's events: keeps each prediction's record and completes it, notes whom
models served, counts what they saw, and marks what is missing."""

from collections.abc import Callable, Sequence

from services.drift.completing import Completer
from services.drift.gaps import GapStore
from services.drift.listing.users import UserNotes
from services.drift.profiler import Observed, Profiler
from services.state.consumer import Entry
from services.state.fenced import Fence
from services.state.logged import Logged
from services.state.records import RecordWriter

GROUP = "drift"


class EventConsumer:
    """The handler of drift's group. Everything it writes is absolute, so entries may come again.

    `now` is seconds since the epoch; `counted` is told how many predictions were handled.
    """

    def __init__(
        self,
        records: RecordWriter,
        completer: Completer,
        profiler: Profiler,
        gaps: GapStore,
        users: UserNotes,
        now: Callable[[], float],
        counted: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._records = records
        self._completer = completer
        self._profiler = profiler
        self._gaps = gaps
        self._users = users
        self._now = now
        self._counted = counted

    async def handle(self, partition: int, fence: Fence, batches: Sequence[Entry[Logged]]) -> None:
        """Write records, gaps and profiles. Raises StateUnavailable, LostLease, NewerFormat."""
        entries = []
        for one in batches:
            await self._records.write(partition, fence, one.id, one.message.predictions)
            late = await self._completer.complete(partition, fence, one.id, one.message.participants)
            entries.append(Observed(one.id, one.message.predictions, late, one.message.columns))
        # After the records: where somebody is sent to look, there is something.
        await self._users.note(partition, fence, (one for entry in entries for one in entry.asked))
        await self._gaps.mark(partition, fence, (one.message.gap for one in batches), self._now())
        await self._profiler.fold(partition, fence, entries)
        self._counted(sum(len(entry.events) for entry in entries))
