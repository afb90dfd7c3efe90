"""Folds labels into the detectors, minute by minute in the order of a router's predictions: the partition's
owner. Rewards after them, as `rewards.py` says.

A minute is folded when the labels that are to come had `settle` seconds to do so after its first one, or when
all its predictions are labelled and none before it could be. What comes later stays in the history, and no
detector sees it: a correction after its fold changes nothing here. Progress names the minute that is folded,
and is written with the states, or not at all: whoever takes over goes on from there, bit for bit.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from turnout.drift.v1.concept_pb2 import ConceptProgress, LabelProgress

from services.drift.concept.minutes import MinuteReader
from services.drift.concept.noting import UNKNOWN, Noting, note
from services.drift.concept.rewards import RewardFolder
from services.drift.concept.store import LIFETIME_SECONDS, ConceptStore
from services.foundation.errors import Aborted, Unavailable
from services.foundation.logs import log
from services.state.errors import NewerFormat
from services.state.fenced import Fence
from services.state.ownership import Ownership
from services.state.records import SETTLED_SECONDS

ROUND_SECONDS = 1.0
# Minutes of a partition in a round: one that was away for long must not keep the others waiting.
MOST_MINUTES = 200
# Beyond, the oldest is folded as it is: the state is read and written whole.
MOST_WAITING = 5000
# A minute whose labels lack is looked at again when it is an eighth older, or soon where some have come.
PATIENCE = 8
SOON_SECONDS = 3.0


class Pause(NamedTuple):
    """Until when a minute rests, in seconds since 1970, and how many labels it had."""

    minute: int
    soon: float
    late: float
    labels: int


@dataclass(frozen=True, slots=True)
class Folder:
    """Folds while this process owns the partition. `now` is in seconds since 1970, `settle` in seconds."""

    noting: Noting
    store: ConceptStore
    reader: MinuteReader
    ownership: Ownership
    now: Callable[[], float]
    settle: float
    rewards: RewardFolder
    _again: dict[tuple[int, str], Pause] = field(default_factory=dict)
    # When it is looked for records that were still to come, by partition.
    _next: dict[int, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Fold until cancelled."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.round()

    async def round(self) -> None:
        """Fold what is ready in the partitions owned."""
        for partition in dict(self.ownership.owned):
            try:
                await self.fold(partition, self.ownership.fence(partition))
            except (Unavailable, Aborted) as error:
                log.warning("errors of models are not watched now", partition=partition, why=str(error))
            except NewerFormat as error:
                log.error("errors of models cannot be read", partition=partition, why=str(error))

    async def fold(self, partition: int, fence: Fence) -> None:
        """Fold what is ready of a partition. Raises LostLease, NewerFormat, StateUnavailable."""
        async with self.noting.locks[partition]:
            progress = await self.noting.take(partition, fence)
            await self._recognize(partition, progress)
            for router in sorted(set(progress.labels) - {UNKNOWN}):
                for _ in range(MOST_MINUTES):
                    waiting = progress.labels[router].waiting
                    if not waiting or not await self._first(partition, fence, progress, router):
                        break
            await self.rewards.fold(partition, fence, progress)
            self.noting.held[partition] = fence.token, progress

    async def _recognize(self, partition: int, progress: ConceptProgress) -> None:
        """Note labels that came before the records of their predictions by the routers that made those."""
        if UNKNOWN not in progress.labels or self.now() < self._next.get(partition, 0.0):
            return
        waiting = progress.labels[UNKNOWN].waiting
        for minute, since in sorted(waiting.items()):
            routers, whole = await self.reader.routers(partition, minute)
            for router in sorted(routers):
                if minute > progress.labels[router].folded:
                    note(progress, router, minute, since)
            if whole or self.now() >= since / 1000 + self.settle:
                del waiting[minute]
        self._next[partition] = self.now() + SOON_SECONDS if waiting else 0.0

    async def _first(self, partition: int, fence: Fence, progress: ConceptProgress, router: str) -> bool:
        """Fold a router's oldest minute; False where its labels may still come."""
        place = progress.labels[router]
        minute = min(place.waiting)
        crowded = sum(len(one.waiting) for one in progress.labels.values()) > MOST_WAITING
        settled = crowded or await self._settled(partition, place, minute)
        if not settled and await self._rests(partition, router, minute):
            return False
        if not settled and not await self._over(partition, place, minute):
            return False
        labels = await self.reader.labels(partition, minute)
        found = await self.reader.read(partition, minute, router)
        if not settled and not await self.reader.complete(partition, place.folded, minute, found):
            late = ROUND_SECONDS if found.unrecorded else max(ROUND_SECONDS, self._age(minute) / PATIENCE)
            soon = self.now() + min(SOON_SECONDS, late)
            self._again[partition, router] = Pause(minute, soon, self.now() + late, labels)
            return False
        self._again.pop((partition, router), None)
        states = await self.reader.folded(partition, found.errors)
        del place.waiting[minute]
        place.folded = minute
        self._forget(progress)
        await self.store.write(partition, fence, progress, states)
        return True

    async def _rests(self, partition: int, router: str, minute: int) -> bool:
        pause = self._again.get((partition, router))
        # Labels of a minute before may have come since: as many as this one had say nothing of that one.
        if pause is None or pause.minute != minute or self.now() >= pause.late:
            return False
        return self.now() < pause.soon or await self.reader.labels(partition, minute) == pause.labels

    async def _settled(self, partition: int, place: LabelProgress, minute: int) -> bool:
        """Whether its labels had their time, by the streams' own clock: what lies unread may be of them."""
        due = max(place.waiting[minute] / 1000, (minute + 1) * 60 + SETTLED_SECONDS) + self.settle
        return await self._read_to(partition, due)

    async def _over(self, partition: int, place: LabelProgress, minute: int) -> bool:
        """Whether its predictions are all known, so that it may be that they all are labelled."""
        # Of minutes long past the predictions may come right before the labels: both streams are read then.
        over = max(place.waiting[minute] / 1000, (minute + 1) * 60) + SETTLED_SECONDS
        return await self._read_to(partition, over)

    async def _read_to(self, partition: int, moment: float) -> bool:
        return self.now() >= moment and await self.reader.frontier(partition, self.now()) >= moment

    def _forget(self, progress: ConceptProgress) -> None:
        """Routers come and go."""
        oldest = (self.now() - LIFETIME_SECONDS) / 60
        for router, place in list(progress.labels.items()):
            if not place.waiting and place.folded < oldest:
                del progress.labels[router]

    def _age(self, minute: int) -> float:
        return self.now() - minute * 60
