"""Feedback as it is asked for: checked as far as it can be without state, and completed."""

import hashlib
import math

from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest
from turnout.inference.v1.event_pb2 import TruthEntry

from services.feedback.errors import BadFeedback, RewardOutOfRange
from services.state import formats, ids
from services.state.moments import moment

# Clocks differ; an observation from farther ahead could never be corrected again.
AHEAD_SECONDS = 86_400.0
MOST_ROWS = 2**31 - 1
LONGEST_ID = 128
OUTCOMES = "reward, metric or truth"


def completed(request: RecordFeedbackRequest, now: float) -> RecordFeedbackRequest:
    """A copy with a feedback id and a time of observation. Raises BadFeedback, RewardOutOfRange and
    BadPredictionId, each with the field that is wrong."""
    _check(request, now)
    full = RecordFeedbackRequest()
    full.CopyFrom(request)
    full.feedback_id = request.feedback_id or content_id(request)
    if not request.HasField("observed_at"):
        full.observed_at.FromMicroseconds(int(now * 1e6))
    return full


def content_id(request: RecordFeedbackRequest) -> str:
    """An id made of the content: the same words again are the same feedback."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()[:32]


def of_truth(entry: TruthEntry) -> RecordFeedbackRequest:
    """An entry of the truth stream as feedback.

    The stream has each fact once, but reporters may use one id for many facts, or none: the time of
    observation makes it unique, in front so that ties still order by the reporter's id.
    """
    return RecordFeedbackRequest(
        prediction_id=entry.prediction_id,
        row=entry.row,
        truth=entry.truth,
        feedback_id=f"{entry.observed_at.ToMicroseconds()}/{entry.feedback_id}",
        observed_at=entry.observed_at,
    )


def truth_entry(request: RecordFeedbackRequest, now: float) -> TruthEntry:
    """Completed feedback with a truth as an entry of the truth stream."""
    entry = TruthEntry(
        format=formats.TRUTH,
        prediction_id=request.prediction_id,
        row=request.row,
        truth=request.truth,
        observed_at=request.observed_at,
        feedback_id=request.feedback_id,
    )
    entry.received_at.FromMicroseconds(int(now * 1e6))
    return entry


def value_of(request: RecordFeedbackRequest) -> tuple[str, str, float]:
    """Field, metric and value of a reward or a metric; the metric is empty for `reward`."""
    if request.WhichOneof("outcome") == "metric":
        return "metric.value", request.metric.name, request.metric.value
    return "reward", "", request.reward


def _check(request: RecordFeedbackRequest, now: float) -> None:
    if not request.prediction_id:
        raise _bad("prediction_id", "is required: the id that a prediction's reply carried")
    ids.partition_of(request.prediction_id)
    if request.row < 0:
        raise _bad("row", f"must be 0 or more, got {request.row}")
    if not _fit(request.feedback_id):
        raise _bad("feedback_id", f"must be at most {LONGEST_ID} characters without control characters")
    if request.HasField("observed_at"):
        _check_time(moment(request.observed_at, "observed_at"), now)
    _check_outcome(request)


def _check_time(observed: float, now: float) -> None:
    if observed > now + AHEAD_SECONDS:
        raise _bad("observed_at", "must not be more than a day ahead of the server's clock")


def _check_outcome(request: RecordFeedbackRequest) -> None:
    outcome = request.WhichOneof("outcome")
    if outcome is None:
        raise _bad("outcome", f"exactly one of {OUTCOMES} is required")
    if outcome == "truth":
        if request.truth.WhichOneof("value") is None:
            raise _bad("truth", "one of label, number, text or json is required")
        return
    if outcome == "metric" and not request.metric.name:
        raise _bad("metric.name", "is required: the name of one of the router's metrics")
    field, _, value = value_of(request)
    if not math.isfinite(value):
        raise RewardOutOfRange(
            f"{field} must be a finite number, got {value}", fields=[(field, "a finite number")], value=value
        )


def _fit(feedback_id: str) -> bool:
    return len(feedback_id) <= LONGEST_ID and feedback_id.isprintable()


def _bad(field: str, said: str) -> BadFeedback:
    return BadFeedback(f"{field} {said}", fields=[(field, said)])
