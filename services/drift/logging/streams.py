"""Predictions in streams: logged in groups, each in one round trip, while the next one is read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from turnout.drift.v1 import logging_pb2 as rpc

from services.drift.logging.door import Demand, Door, Outcome
from services.drift.refusals import MOST_ERRORS, refused
from services.foundation.errors import InvalidArgument, TurnoutError
from services.foundation.groups import Groups
from services.state.errors import StateUnavailable, StoreFull

GROUP = 500
MOST_ITEMS = 1000
# Of one process, groups on their way at the same time: a busy stream leaves room for others.
AT_ONCE = 4
# A stream that is full is asked again as its readers go on, a hundred times: then its sender is told.
FULL_SECONDS, MOST_FULL = 0.1, 100


@dataclass(slots=True)
class _Stream:
    """One stream, as far as it has come."""

    door: Door
    demand: Demand
    gate: asyncio.Semaphore
    reply: rpc.LogPredictionsResponse = field(default_factory=rpc.LogPredictionsResponse)

    async def read(self, stream: AsyncIterator[rpc.LogPredictionsRequest]) -> None:
        """Log everything. Raises StateUnavailable, StoreFull, and InvalidArgument for a message that is
        none."""
        await Groups(GROUP, self._items, self._pass).read(stream)

    def _items(self, message: rpc.LogPredictionsRequest) -> Sequence[rpc.LogPredictionRequest]:
        items = message.predictions
        if not 1 <= len(items) <= MOST_ITEMS:
            said = f"1 to {MOST_ITEMS:,} of a message, got {len(items):,}"
            raise InvalidArgument(
                f"predictions: {said}; the first {self.reply.items} are logged",
                fields=[("predictions", said)],
                logged=self.reply.items,
            )
        for item in items:
            item.model = item.model or message.model
        return items

    async def _pass(self, group: Sequence[rpc.LogPredictionRequest]) -> None:
        try:
            async with self.gate:
                await self._log(group)
        except (StateUnavailable, StoreFull) as failed:
            done = self.reply.items
            said = f"the first {done} predictions are logged; send the others, or those with keys all again"
            raise type(failed)(
                f"{failed.message}: {said}", retry_after=failed.retry_after, logged=done
            ) from failed

    async def _log(self, group: Sequence[rpc.LogPredictionRequest]) -> None:
        outcomes = await self.door.take_all(group, self.demand)
        for _ in range(MOST_FULL):
            full = [place for place, one in enumerate(outcomes) if isinstance(one, StoreFull)]
            if not full:
                break
            await asyncio.sleep(FULL_SECONDS)
            again = await self.door.take_all([group[place] for place in full], self.demand)
            for place, outcome in zip(full, again, strict=True):
                outcomes[place] = outcome
        for outcome in outcomes:
            if isinstance(outcome, StoreFull):
                raise outcome
            self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        if isinstance(outcome, TurnoutError):
            self.reply.refused += 1
            if len(self.reply.errors) < MOST_ERRORS:
                self.reply.errors.append(refused(outcome, self.reply.items))
        elif outcome.duplicate:
            self.reply.duplicates += 1
        else:
            self.reply.logged += 1
        self.reply.items += 1


@dataclass(frozen=True, slots=True)
class Streams:
    """Takes streams, a group of a few at once; others wait, and so does what they would send."""

    door: Door
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def take(
        self, stream: AsyncIterator[rpc.LogPredictionsRequest], demand: Demand
    ) -> rpc.LogPredictionsResponse:
        """Log all of a stream: when this returns, Redis has what was not refused.

        Raises InvalidArgument for a message of too many predictions, StoreFull, StateUnavailable; what came
        before is logged, as the error says.
        """
        one = _Stream(self.door, demand, self._gate)
        await one.read(stream)
        return one.reply
