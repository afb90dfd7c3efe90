"""Ground truth as it comes in: checked, completed, and appended to the suite's one truth stream."""

import hashlib
from collections.abc import Callable

from turnout.drift.v1 import drift_service_pb2 as rpc
from turnout.inference.v1.event_pb2 import TruthEntry

from services.drift.wire import seconds, timestamp
from services.foundation.errors import FieldViolation, InvalidArgument
from services.state import formats
from services.state.ids import partition_of
from services.state.truth import Appended, TruthLog

# How long a truth is told from its repetitions: the default horizon of feedback.
RETENTION_SECONDS = 30 * 86_400.0
MAX_ID_LENGTH = 128


class Truths:
    """Appends truths; `now` is seconds since the epoch."""

    def __init__(self, log: TruthLog, now: Callable[[], float]) -> None:
        self._log = log
        self._now = now

    async def add(self, request: rpc.AddGroundTruthRequest) -> rpc.AddGroundTruthResponse:
        """Append one truth; when this returns Redis has it.

        Raises BadPredictionId, InvalidArgument, StoreFull, StateUnavailable.
        """
        check(request)
        now = self._now()
        observed = seconds(request.observed_at) if request.HasField("observed_at") else now
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


def check(request: rpc.AddGroundTruthRequest) -> None:
    """Raises BadPredictionId or InvalidArgument for what cannot be a truth, naming every wrong field."""
    wrong = []
    if not request.prediction_id:
        wrong.append(
            FieldViolation("prediction_id", "is required: the id that the prediction's reply carried")
        )
    if request.truth.WhichOneof("value") is None:
        wrong.append(FieldViolation("truth", "is required: one of label, number, text or json"))
    if request.row < 0:
        wrong.append(FieldViolation("row", f"counts from 0, got {request.row}"))
    if len(request.feedback_id) > MAX_ID_LENGTH:
        wrong.append(FieldViolation("feedback_id", f"has at most {MAX_ID_LENGTH} characters"))
    if wrong:
        raise InvalidArgument(f"{wrong[0].field} {wrong[0].description}", fields=wrong)
    partition_of(request.prediction_id)


def content_id(request: rpc.AddGroundTruthRequest) -> str:
    """An id for a report that has none: the same report again has the same one."""
    return hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=12).hexdigest()
