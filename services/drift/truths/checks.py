"""What can be wrong with a report of ground truth, before and after its prediction is known."""

import hashlib
from collections.abc import Sequence

from turnout.drift.v1 import truth_pb2 as rpc
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.foundation.errors import FieldViolation, InvalidArgument
from services.state.moments import moment
from services.state.names import resource_name
from services.state.reports import (
    OBSERVED_AHEAD_SECONDS,
    about_faults,
    report_faults,
    row_misfits,
    time_faults,
    truth_faults,
    truth_misfits,
)

KEYS = ("prediction_id", "external_id", "entity_id")
NEEDED = "is required, or router or model with external_id, or with entity_id and event_time"
# As of predictions.
LONGEST_KEY = 256
OWNERS = (("router", "routers"), ("model", "models"))


def check(request: rpc.AddGroundTruthRequest, now: float) -> None:
    """Raises BadPredictionId, BadTimestamp or InvalidArgument for what cannot be a truth, naming every wrong
    field; `now` is in seconds since 1970."""
    if request.prediction_id:
        wrong = about_faults(request.prediction_id, request.row, request.feedback_id, now)
    else:
        wrong = report_faults(request.row, request.feedback_id)
    wrong += _key_faults(request, now)
    if request.HasField("observed_at"):
        wrong += time_faults(moment(request.observed_at, "observed_at"), now)
    _refuse([*wrong, *truth_faults(request.truth)])


def check_fit(request: rpc.AddGroundTruthRequest, event: PredictionEvent) -> None:
    """Raises InvalidArgument for a truth that does not fit what was predicted, or who made it."""
    misfits = [*row_misfits(request.row, max(event.rows, 1)), *truth_misfits(request.truth, event)]
    _refuse([*_maker_misfits(request, event), *misfits])


def content_id(request: rpc.AddGroundTruthRequest) -> str:
    """An id for a report that has none: the same report again has the same one, and is taken for a retry
    also after a correction, unless it says when it was observed."""
    return hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=12).hexdigest()


def _key_faults(request: rpc.AddGroundTruthRequest, now: float) -> list[FieldViolation]:
    """What is wrong with the key of the prediction, its id's own rules apart."""
    keys = [word for word in KEYS if getattr(request, word)]
    if not keys:
        return [FieldViolation("prediction_id", NEEDED)]
    wrong = []
    for field, collection in OWNERS:
        if given := getattr(request, field):
            resource_name(collection, given, field)
    if len(keys) > 1:
        wrong.append(FieldViolation(keys[1], f"goes without {keys[0]}: one key says which prediction"))
    if request.router and request.model:
        wrong.append(FieldViolation("model", "goes without router: a prediction is the one's or the other's"))
    if keys[0] != "prediction_id" and not (request.router or request.model):
        wrong.append(FieldViolation("router", f"is required with {keys[0]}, or model: such keys are theirs"))
    if max(len(request.external_id), len(request.entity_id)) > LONGEST_KEY:
        wrong.append(FieldViolation(keys[0], f"must be at most {LONGEST_KEY} characters"))
    return wrong + _moment_faults(request, now)


def _maker_misfits(request: rpc.AddGroundTruthRequest, event: PredictionEvent) -> list[FieldViolation]:
    """Of the router or model that is named beside the prediction's id."""
    manifest = event.manifest
    made_by = manifest.router or next((one.model for one in manifest.participants), "")
    for field, collection in OWNERS:
        given = getattr(request, field)
        if given and made_by and resource_name(collection, given, field) != made_by:
            said = f"must be what made the prediction, {made_by}, or be left out; got {given[:100]!r}"
            return [FieldViolation(field, said)]
    return []


def _moment_faults(request: rpc.AddGroundTruthRequest, now: float) -> list[FieldViolation]:
    if not request.HasField("event_time"):
        if not request.entity_id:
            return []
        said = "is required with entity_id: its newest prediction at or before this is meant"
        return [FieldViolation("event_time", said)]
    if not (request.external_id or request.entity_id):
        return [FieldViolation("event_time", "goes with external_id or entity_id")]
    if moment(request.event_time, "event_time") > now + OBSERVED_AHEAD_SECONDS:
        return [FieldViolation("event_time", "must not be more than a day ahead of the server's clock")]
    return []


def _refuse(wrong: Sequence[FieldViolation]) -> None:
    if wrong:
        raise InvalidArgument(f"{wrong[0].field} {wrong[0].description}", fields=wrong)
