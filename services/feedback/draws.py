"""Counts draws in the event stream, and credits what their records alone say: failures, latencies, costs."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from turnout.inference.v1.event_pb2 import PredictionEvent

from services.feedback import crediting
from services.feedback.settling import Settling
from services.feedback.wire.records import drawn_failed, drawn_variant, prediction_of
from services.state.claims import Claim
from services.state.consumer import Entry
from services.state.errors import LostLease
from services.state.fenced import Fence
from services.state.logged import Logged
from services.state.positions import order
from services.state.pulls import Pulls, PullStore
from services.state.rewards import place_of


@dataclass(frozen=True, slots=True)
class Draws:
    """The handler of the event streams."""

    pulls: PullStore
    settling: Settling

    async def handle(self, partition: int, _fence: Fence, entries: Sequence[Entry[Logged]]) -> None:
        """Credit what records say, then count draws; redelivered entries change neither. Raises LostLease
        when another owner has counted meanwhile."""
        events = {entry.id: entry.message.predictions for entry in entries}
        drawn = [event for some in events.values() for event in some if drawn_variant(event)]
        await self.settling.apply([claim for event in drawn async for claim in self._claims(event)])
        routers = sorted({event.router_uid for some in events.values() for event in some})
        after = await self.pulls.counted(partition, routers)
        new = [event for id_, some in events.items() if order(id_) > order(after.until) for event in some]
        # What was drawn before a reset of rewards waits for none.
        new = [
            event
            for event in new
            if place_of(event.manifest.prediction_id, 0) >= after.since[event.router_uid]
        ]
        until = entries[-1].id
        if order(until) <= order(after.until):
            return
        if not await self.pulls.count(partition, counts_of(new), after=after, until=until):
            raise LostLease("another process has counted these draws", retry_after=1.0, partition=partition)

    async def _claims(self, event: PredictionEvent) -> AsyncIterator[Claim]:
        # A router that is deleted has nothing to learn any more.
        rules = await self.settling.rulebook.of(event.router_uid)
        if rules is None:
            return
        if drawn_failed(event):
            yield crediting.failure(rules, prediction_of(event), row=0)
        elif any(measure.from_record for measure in rules.measures.values()):
            for claim in crediting.record(rules, prediction_of(event)):
                yield claim


def counts_of(events: Iterable[PredictionEvent]) -> dict[tuple[str, str], Pulls]:
    """Draws and failures by (router uid, variant)."""
    drawn: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for event in events:
        if variant := drawn_variant(event):
            arm = (event.router_uid, variant)
            drawn[arm] += 1
            failed[arm] += drawn_failed(event)
    return {arm: Pulls(count, failed[arm]) for arm, count in drawn.items()}
