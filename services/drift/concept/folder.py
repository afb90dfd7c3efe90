"""Folds labels into the detectors, minute by minute in the order of the predictions: the partition's owner.
Rewards after them, as `rewards.py` says.

A minute is folded when the labels that are to come had `settle` seconds to do so after its first one, or when
all its predictions are labelled and none before it could be. What comes later stays in the history, and no
detector sees it: a correction after its fold changes nothing here. Progress names the minute that is folded,
and is written with the states, or not at all: whoever takes over goes on from there, bit for bit.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from turnout.drift.v1.concept_pb2 import ConceptProgress

from services.drift.concept.minutes import Minute, MinuteReader
from services.drift.concept.noting import Noting
from services.drift.concept.rewards import RewardFolder
from services.drift.concept.store import ConceptStore
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
    _again: dict[int, Pause] = field(default_factory=dict)

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
            for _ in range(MOST_MINUTES):
                if not progress.waiting or not await self._first(partition, fence, progress):
                    break
            await self.rewards.fold(partition, fence, progress)
            self.noting.held[partition] = fence.token, progress

    async def _first(self, partition: int, fence: Fence, progress: ConceptProgress) -> bool:
        """Fold the oldest minute; False where its labels may still come."""
        minute = min(progress.waiting)
        settled = len(progress.waiting) > MOST_WAITING or await self._settled(partition, progress, minute)
        if not settled and await self._rests(partition, minute):
            return False
        labels = await self.reader.labels(partition, minute)
        found = await self.reader.read(partition, minute)
        if not settled and not await self._complete(partition, progress, minute, found):
            late = max(ROUND_SECONDS, self._age(minute) / PATIENCE)
            soon = self.now() + min(SOON_SECONDS, late)
            self._again[partition] = Pause(minute, soon, self.now() + late, labels)
            return False
        self._again.pop(partition, None)
        states = await self.reader.folded(partition, found.errors)
        del progress.waiting[minute]
        progress.folded = minute
        await self.store.write(partition, fence, progress, states)
        return True

    async def _rests(self, partition: int, minute: int) -> bool:
        pause = self._again.get(partition)
        # Labels of a minute before may have come since: as many as this one had say nothing of that one.
        if pause is None or pause.minute != minute or self.now() >= pause.late:
            return False
        return self.now() < pause.soon or await self.reader.labels(partition, minute) == pause.labels

    async def _settled(self, partition: int, progress: ConceptProgress, minute: int) -> bool:
        """Whether its labels had their time, by the streams' own clock: what lies unread may be of them."""
        due = max(progress.waiting[minute] / 1000, (minute + 1) * 60 + SETTLED_SECONDS) + self.settle
        return self.now() >= due and await self.reader.frontier(partition, self.now()) >= due

    async def _complete(self, partition: int, progress: ConceptProgress, minute: int, found: Minute) -> bool:
        """Whether all predictions of its routers are labelled, and none of an earlier minute waits to be."""
        over = (minute + 1) * 60 + SETTLED_SECONDS
        if self.now() < over or await self.reader.frontier(partition, self.now()) < over:
            return False
        return await self.reader.complete(partition, progress.folded, minute, found)

    def _age(self, minute: int) -> float:
        return self.now() - minute * 60
