"""Walks the minutes of every watched router in their order, and folds what is ready: the partition's owner.

A minute is folded as far as it needs no label when all its events are there, and whole when its labels are,
or their horizon has passed. The state names the minutes that are in it, and is written with everything that
goes with it, or not at all: whoever takes over goes on from there.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from turnout.feedback.v1.evidence_pb2 import EvidenceState

from services.feedback.evidence import folding, observations
from services.feedback.evidence.desk import MOST_UNITS, Desk
from services.feedback.evidence.frontier import Frontier
from services.feedback.evidence.labels import Told, told
from services.feedback.evidence.noting import Noting
from services.feedback.evidence.observations import Observations
from services.feedback.evidence.plan import Watch
from services.feedback.rulebook import Rulebook
from services.feedback.rules import Rules
from services.foundation.errors import Aborted, Unavailable
from services.foundation.logs import log
from services.state import evidence_keys
from services.state.errors import NewerFormat
from services.state.evidence import Operation, Place, units_kept, waiting_kept
from services.state.fenced import Fence
from services.state.ownership import Ownership
from services.state.positions import order

ROUND_SECONDS = 1.0
# Minutes of one router in a round: a process that was away for long must not keep the others waiting.
MOST_MINUTES = 500
# A minute whose labels lack is looked at again when it is an eighth older.
PATIENCE = 8


@dataclass(frozen=True, slots=True)
class Folder:
    """Folds while this process owns the partition. `now` is in seconds since 1970."""

    desk: Desk
    noting: Noting
    rulebook: Rulebook
    ownership: Ownership
    frontier: Frontier
    now: Callable[[], float]
    # By router: when the labels of its oldest minute are looked at again.
    _again: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Fold until cancelled."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.round()

    async def round(self) -> None:
        """Fold what is ready of every watched router in the partitions owned."""
        owned = dict(self.ownership.owned)
        ours = [rules for rules in self.rulebook.watched() if rules.partition in owned]
        self._let_go({rules.uid for rules in ours})
        for rules in ours:
            try:
                await self.fold(rules, self.ownership.fence(rules.partition))
            except (Unavailable, Aborted) as error:
                log.warning("evidence is not folded now", router=rules.name, why=str(error))
            except NewerFormat as error:
                # One router that only a newer version can read must not cost the others.
                log.error("evidence cannot be read", router=rules.name, why=str(error))

    async def fold(self, rules: Rules, fence: Fence) -> None:
        """Fold what is ready of one router. Raises LostLease, NewerFormat, StateUnavailable."""
        watch = rules.watch
        if watch is None:
            return
        async with self.desk.locks[rules.partition]:
            state = await self.desk.take(rules, watch, fence)
            if not state.full:
                await self._see(rules, watch, fence, state)
                await self._tell(rules, watch, fence)

    def _let_go(self, kept: Collection[str]) -> None:
        self.desk.keep(kept)
        self.noting.keep(kept)
        for uid in self._again.keys() - kept:
            del self._again[uid]

    async def _see(self, rules: Rules, watch: Watch, fence: Fence, state: EvidenceState) -> None:
        """Minutes whose events are all there."""
        until = int((self.now() - watch.settle) // 60)
        if until <= state.seen:
            return
        until = int((await self.frontier.events(rules.partition, fence) - watch.settle) // 60)
        place = Place(rules.partition, rules.uid)
        minutes = range(state.seen, min(until, state.seen + MOST_MINUTES))
        for minute in await self.desk.log.noted(place, minutes):
            state = await self.desk.take(rules, watch, fence)
            await self._see_minute(rules, watch, fence, state, minute)
            if state.full:
                return
        if minutes:
            state = await self.desk.take(rules, watch, fence)
            state.seen = minutes.stop
            if not watch.labelled:
                state.told = state.seen
            await self.desk.put(rules, fence, state)

    async def _see_minute(
        self, rules: Rules, watch: Watch, fence: Fence, state: EvidenceState, minute: int
    ) -> None:
        place = Place(rules.partition, rules.uid)
        noted = await self.desk.log.chunks(place, minute)
        chunks = [chunk for _, chunk in noted]
        known = await self.desk.units(rules, fence, state.epoch)
        found = observations.observations(chunks, watch, state.generation)
        found, left_out = observations.thinned(found, observations.a_minute(watch))
        which, new = observations.firsts(found, known)
        found = found.only(which)
        if len(known) + len(new) > MOST_UNITS:
            state.full = True
            await self.desk.put(rules, fence, state)
            return
        folding.fold_seen(watch, state, found)
        state.seen, state.units = minute + 1, len(known) + len(new)
        state.thinned += left_out + sum(chunk.thinned for chunk in chunks)
        # Should one of these entries come again, it is not late: it is in here.
        state.late_until = max(state.late_until, noted[-1][0], key=order)
        writes = [Operation(evidence_keys.decisions(*place, minute), "DEL")]
        if len(new):
            writes.append(units_kept(place, state.epoch, minute, new))
        if len(found.arm) and watch.labelled:
            again = observations.packed_again(found)
            writes.append(waiting_kept(place, state.epoch, minute, again, watch.label_horizon))
        await self.desk.put(rules, fence, state, writes)
        self.desk.remember(rules, fence, state.epoch, new)
        self.noting.close(rules.uid, minute)

    async def _tell(self, rules: Rules, watch: Watch, fence: Fence) -> None:
        """Minutes whose labels are there, or are missed."""
        state = await self.desk.take(rules, watch, fence)
        if state.told >= state.seen or self.now() < self._again.get(rules.uid, 0.0):
            return
        place = Place(rules.partition, rules.uid)
        minutes = range(state.told, min(state.seen, state.told + MOST_MINUTES))
        for minute in await self.desk.log.waiting_in(place, state.epoch, minutes):
            if not await self._tell_minute(rules, watch, fence, minute):
                self._again[rules.uid] = self._later(watch, minute)
                return
        state = await self.desk.take(rules, watch, fence)
        state.told = minutes.stop
        await self.desk.put(rules, fence, state)

    async def _tell_minute(self, rules: Rules, watch: Watch, fence: Fence, minute: int) -> bool:
        """False where labels may still come."""
        state, place = await self.desk.take(rules, watch, fence), Place(rules.partition, rules.uid)
        chunk = await self.desk.log.waiting(place, state.epoch, minute)
        chunks = [chunk] if chunk else []
        found = observations.observations(chunks, watch, state.generation)
        said = await told(self.desk.log, rules, watch, minute, found)
        if not await self._ripe(rules, watch, found, said):
            return False
        folding.fold_told(watch, state, found, said.values)
        state.told = minute + 1
        done = Operation(evidence_keys.waiting(*place, state.epoch, minute), "DEL")
        await self.desk.put(rules, fence, state, [done])
        return True

    async def _ripe(self, rules: Rules, watch: Watch, found: Observations, said: Told) -> bool:
        """Whether every value is there, or missed: after its horizon, with all labels read that had come."""
        if not said.lacking.any():
            return True
        missed = float(found.times()[said.lacking].max()) + watch.label_horizon
        return self.now() >= missed and await self.frontier.truths(rules.partition, missed)

    def _later(self, watch: Watch, minute: int) -> float:
        """When to look again: soon after decisions that are young, and at the horizon at the latest."""
        now, end = self.now(), (minute + 1) * 60.0
        later = now + max(ROUND_SECONDS, (now - end) / PATIENCE)
        return min(later, max(end + watch.label_horizon, now + ROUND_SECONDS))
