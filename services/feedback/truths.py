"""Joins the truth stream with the records: rewards of arms, accuracy of models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest
from turnout.inference.v1.event_pb2 import TruthEntry

from services.feedback.parking import Parking
from services.feedback.settling import Consequence, Settling
from services.feedback.wire.records import prediction_of
from services.feedback.wire.requests import of_truth
from services.foundation.logs import log
from services.state.consumer import Entry
from services.state.fenced import Fence
from services.state.parked import Parked
from services.state.records import RecordStore

# A truth is small beside a batch of events: more of them share a round trip.
ENTRIES = 256


@dataclass(frozen=True, slots=True)
class Truths:
    """The handler of the truth stream. What it does twice changes nothing, so it needs no fence."""

    records: RecordStore
    settling: Settling
    parking: Parking
    now: Callable[[], float]

    async def handle(self, _partition: int, _fence: Fence, entries: Sequence[Entry[TruthEntry]]) -> None:
        """Credit what the truths say; park those whose prediction is not recorded yet."""
        # An entry that speaks for a metric is no ground truth.
        truths = [of_truth(entry.message) for entry in entries if not entry.message.metric]
        records = await self.records.read_many([truth.prediction_id for truth in truths])
        claims: list[Consequence] = []
        for truth in truths:
            record = records.get(truth.prediction_id)
            if record is None:
                await self._park(truth)
            else:
                claims += await self.settling.claims(truth, prediction_of(record.event))
        await self.settling.apply(claims)

    async def _park(self, truth: RecordFeedbackRequest) -> None:
        # Its reporter was told that it is safe, so unlike at the door another has to go when all is full.
        if await self.parking.park(truth, self.now(), evict=True) is Parked.EVICTED:
            log.warning("dropped the truth that has waited longest for its prediction", why="too many wait")
            self.settling.count("dropped")
