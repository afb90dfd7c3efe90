"""Tries parked feedback again: by the owner of its partition, once its record may have arrived."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from turnout.inference.v1.event_pb2 import PredictionRecord

from services.feedback.attribution import Finder
from services.feedback.parking import Parking, Waiting
from services.feedback.settling import Settling
from services.feedback.wire.records import prediction_of
from services.foundation.errors import TurnoutError
from services.foundation.logs import log
from services.state.errors import NewerFormat, StateUnavailable
from services.state.parked import LIFETIME_SECONDS, next_wait
from services.state.records import RecordStore

SWEEP_SECONDS = 0.5
AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Settles parked feedback in the partitions that this process owns."""

    records: RecordStore
    parking: Parking
    settling: Settling
    finder: Finder
    owned: Callable[[], Iterable[int]]
    now: Callable[[], float]

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._sweep_all()
            except StateUnavailable as error:
                log.warning("parked feedback waits on", cause=error.facts.get("cause"))

    async def _sweep_all(self) -> None:
        for partition in await self.parking.store.waiting(sorted(self.owned()), self.now()):
            try:
                await self.sweep(partition)
            except NewerFormat as error:
                # It waits for a process that can read it; the other partitions do not.
                log.warning("parked feedback waits on", partition=partition, why=str(error))

    async def sweep(self, partition: int) -> None:
        """Try what is due in a partition. Raises StateUnavailable, NewerFormat."""
        due = await self.parking.due(partition, self.now(), AT_ONCE)
        found = await self.finder.find([item.request for item in due])
        records = await self.records.read_many([one for one in found if isinstance(one, str) and one])
        done, later = [], {}
        for item, one in zip(due, found, strict=True):
            record = records.get(one) if isinstance(one, str) else None
            if isinstance(one, TurnoutError):
                self._refuse(item, one)
                done.append(item.id)
            elif record is not None:
                await self._settle(item, record)
                done.append(item.id)
            elif self._hopeless(item):
                self.settling.count("dropped")
                done.append(item.id)
            else:
                later[item.id] = self.now() + next_wait(self.now() - item.since)
        await self.parking.store.finish(partition, done, later)

    def _hopeless(self, item: Waiting) -> bool:
        return self.now() - item.since > LIFETIME_SECONDS

    async def _settle(self, item: Waiting, record: PredictionRecord) -> None:
        try:
            await self.settling.settle(item.request, prediction_of(record.event))
        except (StateUnavailable, NewerFormat):
            raise
        except TurnoutError as refused:
            self._refuse(item, refused)

    def _refuse(self, item: Waiting, why: TurnoutError) -> None:
        # Its reporter was told that it is pending; that it cannot count is only known now.
        log.warning("parked feedback is refused", feedback=item.id, why=why.message)
        self.settling.count("refused")
