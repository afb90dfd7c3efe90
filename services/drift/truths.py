"""Ground truth as it comes in: checked, completed, and appended to the suite's one truth stream."""

import hashlib
from collections.abc import Callable

from turnout.drift.v1 import truth_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionEvent, TruthEntry

from services.drift.wire import timestamp
from services.foundation.errors import InvalidArgument
from services.state import formats
from services.state.moments import moment
from services.state.records import RecordStore
from services.state.reports import about_faults, row_misfits, time_faults, truth_faults, truth_misfits
from services.state.truth import Appended, TruthLog

# How long a truth is told from its repetitions: the default horizon of feedback.
RETENTION_SECONDS = 30 * 86_400.0


class Truths:
    """Appends truths; `now` is seconds since the epoch."""

    def __init__(self, log: TruthLog, records: RecordStore, now: Callable[[], float]) -> None:
        self._log = log
        self._records = records
        self._now = now

    async def add(self, request: rpc.AddGroundTruthRequest) -> rpc.AddGroundTruthResponse:
        """Append one truth; when this returns Redis has it.

        Raises BadPredictionId, BadTimestamp, InvalidArgument, StoreFull, StateUnavailable.
        """
        now = self._now()
        observed = moment(request.observed_at, "observed_at") if request.HasField("observed_at") else now
        check(request, observed, now)
        # Before its record came, a truth is taken as it is; who joins them passes over what does not fit.
        if record := await self._records.read(request.prediction_id):
            check_fit(request, record.event)
        entry = TruthEntry(
            format=formats.TRUTH,
            prediction_id=request.prediction_id,
            row=request.row,
            truth=request.truth,
            observed_at=timestamp(observed),
            feedback_id=request.feedback_id or content_id(request),
            received_at=timestamp(now),
        )
        outcome = await self._log.append(entry, RETENTION_SECONDS)
        return rpc.AddGroundTruthResponse(
            duplicate=outcome is Appended.DUPLICATE,
            superseded=outcome is Appended.SUPERSEDED,
            feedback_id=entry.feedback_id,
        )


def check(request: rpc.AddGroundTruthRequest, observed: float, now: float) -> None:
    """Raises BadPredictionId or InvalidArgument for what cannot be a truth, naming every wrong field."""
    wrong = about_faults(request.prediction_id, request.row, request.feedback_id, now)
    wrong += [*time_faults(observed, now), *truth_faults(request.truth)]
    if wrong:
        raise InvalidArgument(f"{wrong[0].field} {wrong[0].description}", fields=wrong)


def check_fit(request: rpc.AddGroundTruthRequest, event: PredictionEvent) -> None:
    """Raises InvalidArgument for a truth that does not fit what was predicted."""
    wrong = [*row_misfits(request.row, max(event.rows, 1)), *truth_misfits(request.truth, event)]
    if wrong:
        raise InvalidArgument(f"{wrong[0].field}: {wrong[0].description}", fields=wrong)


def content_id(request: rpc.AddGroundTruthRequest) -> str:
    """An id for a report that has none: the same report again has the same one, and is taken for a retry
    also after a correction, unless it says when it was observed."""
    return hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=12).hexdigest()
