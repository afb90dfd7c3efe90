"""A prediction that was made elsewhere as the event that a router would have written of it."""

import random
from hashlib import blake2b

from turnout.drift.v1.logging_pb2 import LogPredictionRequest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED, PARTICIPANT_ROLE_PRIMARY
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC, Model

from services.drift.baselines import MAX_FEATURES
from services.drift.logging.answers import answer_of, rows_of
from services.drift.logging.checks import BadPrediction, check, check_features
from services.drift.spelling import segment_value
from services.drift.wire import seconds, timestamp
from services.models.problems import Problems
from services.models.records import record_of_row
from services.models.tensors import pass_through
from services.state import formats, ids
from services.state.outside import Outside

# As much as a router keeps of the answers of one prediction.
MOST_BYTES = 1024 * 1024


def event_of(request: LogPredictionRequest, model: Model, now: float, rng: random.Random) -> Outside:
    """The event, and the key that it is known by if it is sent again; `now` is in seconds since 1970.

    Raises BadPrediction, naming every wrong field, and BadPredictionId.
    """
    partition = ids.partition_for(model.uid)
    problems = check(request, partition, now)
    event = PredictionEvent(format=formats.PREDICTION_EVENT, router_uid=model.uid)
    answer = answer_of(request, problems)
    rows = _take_input(request, model, event, problems)
    if answer is not None:
        answered = rows_of(answer)
        if None not in (rows, answered) and rows != answered:
            problems.add("output", f"{rows} rows expected, as the input has, got {answered}")
        rows = rows or answered
        event.output.CopyFrom(answer)
        event.outputs.add(participant=0, output=answer)
    elif not event.input_kind:
        problems.add("input", "is required, or output, or a label or score: there is nothing to log")
    problems.settle(BadPrediction, "the prediction does not fit", model.name)
    event.rows = max(rows or 1, 1)
    _tell(request, event)
    _say_who(request, model, event)
    key = _key(request, model.uid)
    event.manifest.prediction_id = _identify(request, key, partition, now, rng)
    event.time.CopyFrom(timestamp(ids.time_of(event.manifest.prediction_id)))
    if event.ByteSize() > MOST_BYTES:
        said = f"at most {MOST_BYTES:,} bytes, got {event.ByteSize():,}: log its rows in several predictions"
        raise BadPrediction(f"input: {said}", fields=[("input", said)])
    return Outside(event, key)


def _take_input(
    request: LogPredictionRequest, model: Model, event: PredictionEvent, problems: Problems
) -> int | None:
    """Put the input into the event; how many rows it has, None where it does not say."""
    given, kind = request.input, request.input.WhichOneof("kind")
    event.input_kind = kind or ""
    if kind == "row":
        numeric = [one.name for one in model.signature.features if one.kind == FEATURE_KIND_NUMERIC]
        record = record_of_row(given.row, numeric)
        for name in record.nested:
            problems.add(f"input.row['{name[:40]}']", "a number, a text, true, false or null expected")
        event.features.CopyFrom(record.as_message())
        check_features(event.features, "input.row", problems)
        return 1
    if kind == "tabular":
        event.features.CopyFrom(given.tabular)
        check_features(event.features, "input.tabular", problems)
        return 1
    if kind == "tensors":
        return _take_tensors(request, event, problems)
    if kind is not None:
        # What people said is not kept: a router keeps it only where its owner asks for it.
        event.content_bytes = given.ByteSize()
    return None


def _take_tensors(request: LogPredictionRequest, event: PredictionEvent, problems: Problems) -> int | None:
    tensors = request.input.tensors
    if len(tensors.tensors) > MAX_FEATURES:
        problems.add("input.tensors", f"at most {MAX_FEATURES} tensors, got {len(tensors.tensors):,}")
        return None
    rows = pass_through(tensors, {}, problems).rows
    event.tensors.CopyFrom(tensors)
    return rows or None


def _tell(request: LogPredictionRequest, event: PredictionEvent) -> None:
    event.entity_id, event.external_id = request.entity_id, request.external_id
    event.request_id = request.request_id
    event.attributes.update(request.attributes)
    event.segments.update({name: segment_value(value) for name, value in request.segments.items()})
    if request.HasField("event_time"):
        event.event_time.CopyFrom(request.event_time)


def _say_who(request: LogPredictionRequest, model: Model, event: PredictionEvent) -> None:
    served = event.manifest.participants.add(
        model=model.name,
        version=model.version,
        role=PARTICIPANT_ROLE_PRIMARY,
        outcome=OUTCOME_SERVED,
        attempt=1,
    )
    if request.HasField("latency"):
        served.latency.CopyFrom(request.latency)
        event.manifest.total_latency.CopyFrom(request.latency)


def _key(request: LogPredictionRequest, model_uid: str) -> str:
    if request.prediction_id:
        return request.prediction_id
    if request.external_id and request.request_id:
        return f"{model_uid}\0{request.external_id}\0{request.request_id}"
    return ""


def _identify(request: LogPredictionRequest, key: str, partition: int, now: float, rng: random.Random) -> str:
    """The prediction's id. Where key and time are told it is made of them: the same again has the same id,
    and its record tells so for as long as it is kept."""
    if request.prediction_id:
        return request.prediction_id
    if not request.HasField("time"):
        return ids.new_prediction_id(partition, now, rng)
    if key:
        rng = random.Random(int.from_bytes(blake2b(key.encode(), digest_size=8).digest()))
    return ids.new_prediction_id(partition, seconds(request.time), rng)
