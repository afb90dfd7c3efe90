"""Takes feedback in: finds its prediction and applies it, appends it to the truth, or keeps it until then."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from turnout.feedback.v1 import feedback_service_pb2 as rpc

from services.feedback.parking import Parking
from services.feedback.prediction import Prediction
from services.feedback.rules import HORIZON_SECONDS
from services.feedback.settling import Settling, refuse_row, refuse_truth
from services.feedback.wire.records import prediction_of
from services.feedback.wire.requests import truth_entry
from services.state import ids
from services.state.errors import StoreFull
from services.state.parked import Parked
from services.state.records import RecordStore
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

    async def take(self, request: rpc.RecordFeedbackRequest) -> Taken:
        """Take feedback that was completed. Raises what is wrong with it, StoreFull, and StateUnavailable."""
        record = await self.records.read(request.prediction_id)
        if record is None:
            return Taken(await self._unrecorded(request))
        prediction = prediction_of(record.event)
        if request.WhichOneof("outcome") == "truth":
            return await self._truth(request, prediction)
        rules = await self.settling.rules_of(prediction)
        applied = await self.settling.reward(request, prediction, rules)
        return Taken(STATUSES[applied], rules.name, prediction.variant)

    async def _truth(self, request: rpc.RecordFeedbackRequest, prediction: Prediction) -> Taken:
        """Truth is welcome also where nobody learns from it: of a deleted router, of a prediction that no
        router made."""
        refuse_row(request, prediction)
        refuse_truth(request.truth, prediction)
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
