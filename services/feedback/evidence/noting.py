"""Keeps decisions as their events come, by the minute that they were made in."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from turnout.feedback.v1.evidence_pb2 import EvidenceState

from services.feedback.evidence.desk import Desk
from services.feedback.evidence.observations import a_minute, depth, level_of, tally, unpacked
from services.feedback.evidence.plan import Watch
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.feedback.wire.decisions import Decided, chunk_of, decided
from services.state import ids
from services.state.consumer import Entry
from services.state.evidence import Operation, Place, chunk_kept
from services.state.fenced import Fence
from services.state.logged import Logged
from services.state.positions import order

Minute = tuple[str, int]
# By router, then entry of the stream: what was decided.
Noted = dict[str, dict[str, list[Decided]]]


@dataclass(slots=True)
class Filling:
    """A minute that is being written: how many of its decisions would outlive so many draws of one half and
    no more, and the last entry that is in it."""

    token: str
    counts: NDArray[np.int64]
    until: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Noting:
    """A handler of the event streams. `through`: of each partition, its token and the last entry done.
    `known`: whether all routers are in the rulebook."""

    desk: Desk
    rulebook: Rulebook
    known: Callable[[], bool] = lambda: False
    through: dict[int, tuple[str, str]] = field(default_factory=dict)
    _filling: dict[Minute, Filling] = field(default_factory=dict)

    async def handle(self, partition: int, fence: Fence, entries: Sequence[Entry[Logged]]) -> None:
        """Keep what is not kept yet, all of a router's at once. Raises LostLease, NewerFormat,
        StateUnavailable."""
        # Where nobody compares anything, events need not be gone through to find that out.
        idle = self.known() and not self.rulebook.watched()
        noted = {} if idle else await self._read(entries)
        async with self.desk.locks[partition]:
            for uid, by_entry in noted.items():
                rules = await self.rulebook.of(uid)
                if rules is not None and rules.watch is not None:
                    await self._keep(rules, rules.watch, fence, by_entry)
            self.through[partition] = fence.token, entries[-1].id

    async def _read(self, entries: Iterable[Entry[Logged]]) -> Noted:
        found: Noted = {}
        for entry in entries:
            for event in entry.message.predictions:
                rules = await self.rulebook.of(event.router_uid)
                if rules is not None and rules.watch and (one := decided(event, rules.watch)):
                    found.setdefault(rules.uid, {}).setdefault(entry.id, []).append(one)
        return found

    async def _keep(
        self, rules: Rules, watch: Watch, fence: Fence, by_entry: dict[str, list[Decided]]
    ) -> None:
        state = await self.desk.take(rules, watch, fence)
        if state.full:
            return
        place, writes = Place(rules.partition, rules.uid), []
        for entry, some in by_entry.items():
            minutes: dict[int, list[Decided]] = defaultdict(list)
            for one in some:
                minutes[ids.minute_of(one.prediction_id)].append(one)
            _count_late(state, entry, minutes)
            for minute, those in sorted(minutes.items()):
                if minute >= state.seen:
                    writes.append(await self._write(place, watch, fence, (entry, minute), those))
        # The late ones and the others go together: a crash between would count the ones and lose the others.
        await self.desk.put(rules, fence, state, writes)

    async def _write(
        self, place: Place, watch: Watch, fence: Fence, at: tuple[str, int], those: list[Decided]
    ) -> Operation:
        entry, minute = at
        filling = await self._filled(place, fence, minute, order(entry))
        most = level_of(filling.counts, a_minute(watch))
        depths = depth(np.array([one.unit for one in those], np.uint64))
        kept = [one for one, deep in zip(those, depths, strict=True) if deep >= most]
        if order(entry) > filling.until:
            filling.counts, filling.until = filling.counts + tally(depths), order(entry)
        return chunk_kept(place, minute, entry, chunk_of(kept, len(those) - len(kept)), watch.label_horizon)

    async def _filled(self, place: Place, fence: Fence, minute: int, before: tuple[int, int]) -> Filling:
        """What the minute had before an entry, so that the same entry once more is thinned as it was."""
        name = (place.uid, minute)
        held = self._filling.get(name)
        if held is None or held.token != fence.token or held.until >= before:
            chunks = await self.desk.log.chunks(place, minute)
            parts = [unpacked(chunk)["unit"] for entry, chunk in chunks if order(entry) < before]
            units = np.concatenate([np.empty(0, "<u8"), *parts])
            held = self._filling[name] = Filling(fence.token, tally(depth(units)))
        return held

    def keep(self, uids: Collection[str]) -> None:
        """Let go of the minutes of all other routers."""
        for name in [name for name in self._filling if name[0] not in uids]:
            del self._filling[name]

    def close(self, uid: str, minute: int) -> None:
        """Forget a minute that is folded."""
        for name in [name for name in self._filling if name[0] == uid and name[1] <= minute]:
            del self._filling[name]


def _count_late(state: EvidenceState, entry: str, minutes: Mapping[int, list[Decided]]) -> None:
    late = [one for minute, some in minutes.items() if state.started <= minute < state.seen for one in some]
    if late and order(entry) > order(state.late_until):
        for one in late:
            if one.context[0] >= state.generation:
                state.arms[one.variant].late += 1
        state.late_until = entry
