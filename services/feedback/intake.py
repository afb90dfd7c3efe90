"""Takes feedback in: finds its prediction and applies it, appends it to the truth, or keeps it until then."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord

from services.feedback.parking import Parking
from services.feedback.rules import HORIZON_SECONDS
from services.feedback.settling import Settling, refuse
from services.feedback.wire.records import prediction_of
from services.feedback.wire.requests import truth_entry
from services.state import ids
from services.state.errors import StoreFull
from services.state.parked import Parked
from services.state.records import RecordStore
from services.state.reports import row_misfits, truth_misfits
from services.state.rewards import Applied
from services.state.truth import Appended, TruthLog

STATUSES = {
    Applied.ACCEPTED: rpc.FEEDBACK_STATUS_ACCEPTED,
    Applied.DUPLICATE: rpc.FEEDBACK_STATUS_DUPLICATE,
    Applied.CORRECTED: rpc.FEEDBACK_STATUS_CORRECTED,
    Applied.SUPERSEDED: rpc.FEEDBACK_STATUS_SUPERSEDED,
    Applied.EXPIRED: rpc.FEEDBACK_STATUS_EXPIRED,
}
TRUTH_STATUSES = {
    Appended.APPENDED: rpc.FEEDBACK_STATUS_ACCEPTED,
    Appended.CORRECTED: rpc.FEEDBACK_STATUS_CORRECTED,
    Appended.DUPLICATE: rpc.FEEDBACK_STATUS_DUPLICATE,
    Appended.SUPERSEDED: rpc.FEEDBACK_STATUS_SUPERSEDED,
}
# Records come within seconds; a full store empties by itself as they do.
FULL_RETRY_SECONDS = 5.0
# A record follows its reply within some tens of milliseconds. What is older than this and has none waits for
# something that is down, and a call is no place for that.
YOUNG_SECONDS = 5.0
LONGEST_PATIENCE = 0.3
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.05


class Taken(NamedTuple):
    """What became of feedback; router and variant are empty while its prediction is unknown."""

    status: rpc.FeedbackStatus
    router: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Intake:
    """The one door of feedback. When `take` returns, Redis has it."""

    records: RecordStore
    settling: Settling
    parking: Parking
    truths: TruthLog
    now: Callable[[], float]

    async def take(self, request: rpc.RecordFeedbackRequest, patience: float = 0.0) -> Taken:
        """Take feedback that was completed. Raises what is wrong with it, StoreFull, and StateUnavailable.

        patience: seconds that the record of a prediction that was just made may be waited for.
        """
        record = await self._awaited(request.prediction_id, patience)
        if record is None:
            return Taken(await self._unrecorded(request))
        if request.WhichOneof("outcome") == "truth":
            return await self._truth(request, record.event)
        prediction = prediction_of(record.event)
        rules = await self.settling.rules_of(prediction)
        applied = await self.settling.reward(request, prediction, rules)
        return Taken(STATUSES[applied], rules.name, prediction.variant)

    async def _awaited(self, prediction_id: str, patience: float) -> PredictionRecord | None:
        """The record, also if it is only a moment behind its reply: what is wrong with feedback can only be
        said while its reporter listens."""
        until = self.now() + min(patience, LONGEST_PATIENCE)
        young = self.now() - ids.time_of(prediction_id) < YOUNG_SECONDS
        pause = FIRST_PAUSE
        while (record := await self.records.read(prediction_id)) is None:
            if not young or self.now() + pause > until:
                return None
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return record

    async def _truth(self, request: rpc.RecordFeedbackRequest, event: PredictionEvent) -> Taken:
        """Truth is welcome also where nobody learns from it: of a deleted router, of a prediction that no
        router made."""
        prediction = prediction_of(event)
        misfits = [*row_misfits(request.row, prediction.rows), *truth_misfits(request.truth, event)]
        refuse(misfits, prediction)
        rules = await self.settling.rulebook.of(prediction.router_uid)
        status = await self._append(request, rules.horizon if rules else HORIZON_SECONDS)
        return Taken(status, rules.name if rules else "", prediction.variant)

    async def _append(self, request: rpc.RecordFeedbackRequest, horizon: float) -> rpc.FeedbackStatus:
        if self._late(request, horizon):
            return rpc.FEEDBACK_STATUS_EXPIRED
        return TRUTH_STATUSES[await self.truths.append(truth_entry(request, self.now()), horizon)]

    def _late(self, request: rpc.RecordFeedbackRequest, horizon: float) -> bool:
        return self.now() >= ids.time_of(request.prediction_id) + horizon

    async def _unrecorded(self, request: rpc.RecordFeedbackRequest) -> rpc.FeedbackStatus:
        """The record is still to come, or expired under a router that keeps records for less than most."""
        if request.WhichOneof("outcome") == "truth":
            status = await self._append(request, HORIZON_SECONDS)
            accepted = status in (rpc.FEEDBACK_STATUS_ACCEPTED, rpc.FEEDBACK_STATUS_CORRECTED)
            return rpc.FEEDBACK_STATUS_ACCEPTED_PENDING if accepted else status
        if self._late(request, HORIZON_SECONDS):
            return rpc.FEEDBACK_STATUS_EXPIRED
        parked = await self.parking.park(request, self.now())
        if parked is Parked.FULL:
            raise StoreFull(
                "too much feedback waits for predictions that are not recorded yet",
                retry_after=FULL_RETRY_SECONDS,
                prediction_id=request.prediction_id,
            )
        duplicate = parked is Parked.DUPLICATE
        return rpc.FEEDBACK_STATUS_DUPLICATE if duplicate else rpc.FEEDBACK_STATUS_ACCEPTED_PENDING
