"""Feedback as it is asked for: checked as far as it can be without state, and completed."""

import hashlib
import math

from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest
from turnout.inference.v1.event_pb2 import TruthEntry

from services.feedback.errors import BadFeedback, RewardOutOfRange
from services.foundation.errors import FieldViolation
from services.state import formats
from services.state.moments import moment
from services.state.names import ID
from services.state.reports import (
    OBSERVED_AHEAD_SECONDS,
    about_faults,
    report_faults,
    time_faults,
    truth_faults,
)

OUTCOMES = "reward, metric or truth"
KEYS = "is required, or router with external_id, or router with entity_id and event_time"
# As of predictions.
LONGEST_KEY = 256


def completed(request: RecordFeedbackRequest, now: float) -> RecordFeedbackRequest:
    """A copy with a feedback id and a time of observation. Raises BadFeedback, RewardOutOfRange,
    BadPredictionId and BadTimestamp, each with the field that is wrong."""
    _check(request, now)
    full = RecordFeedbackRequest()
    full.CopyFrom(request)
    if request.router and ID.fullmatch(request.router):
        # Before the words become an id: till and routers/till are the same words.
        full.router = f"routers/{request.router}"
    full.feedback_id = request.feedback_id or content_id(full)
    if not request.HasField("observed_at"):
        seconds, micros = divmod(int(now * 1e6), 1_000_000)
        observed = full.observed_at
        observed.seconds, observed.nanos = seconds, micros * 1000
    return full


def content_id(request: RecordFeedbackRequest) -> str:
    """An id made of the content: the same words again are the same feedback, a retry.

    Who returns to words that were corrected since says when that was observed, or gives an id.
    """
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
    about, other = request.prediction_id, request.external_id or request.entity_id
    if about:
        wrong = about_faults(about, request.row, request.feedback_id, now)
    elif other:
        wrong = report_faults(request.row, request.feedback_id)
    else:
        wrong = [FieldViolation("prediction_id", KEYS)]
    if other or request.HasField("event_time"):
        wrong += _key_faults(request, now)
    if request.HasField("observed_at"):
        wrong += time_faults(moment(request.observed_at, "observed_at"), now)
    outcome = request.WhichOneof("outcome")
    if outcome == "truth":
        wrong += truth_faults(request.truth)
    if wrong:
        raise BadFeedback(f"{wrong[0].field} {wrong[0].description}", fields=wrong)
    _check_outcome(request, outcome)


def _key_faults(request: RecordFeedbackRequest, now: float) -> list[FieldViolation]:
    """What is wrong with the keys of the prediction, its id apart."""
    keys = [word for word in ("prediction_id", "external_id", "entity_id") if getattr(request, word)]
    wrong = []
    if len(keys) > 1:
        wrong.append(FieldViolation(keys[1], f"goes without {keys[0]}: one key says which prediction"))
    if keys and keys[0] != "prediction_id" and not request.router:
        wrong.append(FieldViolation("router", f"is required with {keys[0]}: such keys are a router's own"))
    if len(request.external_id) > LONGEST_KEY or len(request.entity_id) > LONGEST_KEY:
        wrong.append(FieldViolation(keys[0], f"must be at most {LONGEST_KEY} characters"))
    if request.entity_id and not request.HasField("event_time"):
        said = "is required with entity_id: its newest prediction at or before this is meant"
        wrong.append(FieldViolation("event_time", said))
    if request.HasField("event_time"):
        if not (request.external_id or request.entity_id):
            wrong.append(FieldViolation("event_time", "goes with external_id or entity_id"))
        if moment(request.event_time, "event_time") > now + OBSERVED_AHEAD_SECONDS:
            wrong.append(
                FieldViolation("event_time", "must not be more than a day ahead of the server's clock")
            )
    return wrong


def _check_outcome(request: RecordFeedbackRequest, outcome: str | None) -> None:
    if outcome is None:
        said = f"exactly one of {OUTCOMES} is required"
        raise BadFeedback(f"outcome: {said}", fields=[("outcome", said)])
    if outcome == "metric" and not request.metric.name:
        said = "is required: the name of one of the router's metrics"
        raise BadFeedback(f"metric.name {said}", fields=[("metric.name", said)])
    if outcome == "metric" and not request.metric.HasField("value"):
        said = "is required: say 0 if it is 0"
        raise BadFeedback(f"metric.value {said}", fields=[("metric.value", said)])
    field, _, value = value_of(request)
    if not math.isfinite(value):
        raise RewardOutOfRange(
            f"{field} must be a finite number, got {value}", fields=[(field, "a finite number")], value=value
        )
