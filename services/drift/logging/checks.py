"""What can be wrong with a prediction that was made elsewhere, all of it told at once."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1.logging_pb2 import LogPredictionRequest
from turnout.inference.v1.input_pb2 import TabularInput

from services.drift.baselines import MAX_FEATURES
from services.drift.buckets import MAX_AHEAD, RESOLUTIONS
from services.drift.segments import LONGEST_NAME, LONGEST_VALUE
from services.foundation.errors import InvalidArgument
from services.models.problems import Problems
from services.state import ids
from services.state.moments import BadTimestamp, moment, span
from services.state.records import RETENTION_SECONDS
from services.state.reports import LONGEST_LABEL, MADE_AHEAD_SECONDS

# As of predictions that routers make.
LONGEST_KEY = 256
# They are seen by people who list predictions, and counted by nobody.
MOST_ATTRIBUTES = 64
MOST_SEGMENTS = 8
LONGEST_LATENCY_SECONDS = 86_400.0
DAY = 86_400


class BadPrediction(InvalidArgument):
    """A prediction that no state of the suite would make right."""


def check(request: LogPredictionRequest, partition: int, now: float) -> Problems:
    """What is wrong with a prediction for a model of that partition, but for its input and output; `now` is
    in seconds since 1970. Raises BadPredictionId."""
    problems = Problems()
    _times(request, now, problems)
    if request.prediction_id:
        _prediction_id(request, partition, now, problems)
    for field in ("entity_id", "external_id", "request_id"):
        _text(field, getattr(request, field), problems)
    _attributes(request.attributes, problems)
    _segments(request.segments, problems)
    if request.HasField("latency"):
        _latency(request, problems)
    return problems


def check_features(tabular: TabularInput, path: str, problems: Problems) -> None:
    """What is wrong with a record of features; NaN and infinities are values that are counted as such."""
    names = [*tabular.numeric_features, *tabular.categorical_features, *tabular.missing]
    if len(names) > MAX_FEATURES:
        problems.add(path, f"at most {MAX_FEATURES} features, got {len(names):,}")
        return
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problems.add(path, f"{twice[:100]!r} is given twice: a feature is a number, a category or missing")
    for name in names:
        if not 0 < len(name) <= LONGEST_KEY:
            problems.add(path, f"names of features have 1 to {LONGEST_KEY} characters, got {len(name)}")
    for name, value in tabular.categorical_features.items():
        if len(value) > LONGEST_LABEL:
            problems.add(f"{path}['{name}']", f"at most {LONGEST_LABEL} characters, got {len(value):,}")


def _times(request: LogPredictionRequest, now: float, problems: Problems) -> None:
    if request.HasField("time"):
        if request.prediction_id:
            problems.add("time", "goes without prediction_id, which says it")
        _within("time", request.time, now - RETENTION_SECONDS, now + MADE_AHEAD_SECONDS, now, problems)
    if request.HasField("event_time"):
        oldest = now - RESOLUTIONS[-1].retention
        _within("event_time", request.event_time, oldest, now + MAX_AHEAD, now, problems)


def _within(field: str, stamp: Timestamp, first: float, last: float, now: float, problems: Problems) -> None:
    try:
        time = moment(stamp, field)
    except BadTimestamp as wrong:
        problems.add(field, wrong.fields[0].description)
        return
    if time < first:
        problems.add(field, f"must be at most {(now - first) / DAY:g} days ago: nothing older is kept")
    if time > last:
        problems.add(field, f"must be at most {last - now:g} s ahead of the server's clock")


def _prediction_id(request: LogPredictionRequest, partition: int, now: float, problems: Problems) -> None:
    time, own = ids.time_of(request.prediction_id), ids.partition_of(request.prediction_id)
    if own != partition:
        said = (
            f"must be of the model's partition: the 20th and 21st characters are {0x80 | partition:02x}, got "
            f"{request.prediction_id[19:21]}; leave it out, and use external_id for a key of your own"
        )
        problems.add("prediction_id", said)
    if not now - RETENTION_SECONDS <= time <= now + MADE_AHEAD_SECONDS:
        said = "must be of a time of the last 30 days, and no more than a minute ahead"
        problems.add("prediction_id", said)


def _text(field: str, value: str, problems: Problems) -> None:
    if len(value) > LONGEST_KEY:
        problems.add(field, f"at most {LONGEST_KEY} characters, got {len(value):,}")


def _attributes(given: Mapping[str, str], problems: Problems) -> None:
    if len(given) > MOST_ATTRIBUTES:
        problems.add("attributes", f"at most {MOST_ATTRIBUTES}, got {len(given)}")
        return
    for name, value in given.items():
        if not 0 < len(name) <= LONGEST_KEY or len(value) > LONGEST_KEY:
            said = f"names have 1 to {LONGEST_KEY} characters, and values at most as many"
            problems.add(f"attributes['{name[:40]}']", said)


def _segments(given: Mapping[str, str], problems: Problems) -> None:
    # Within what can be asked for.
    if len(given) > MOST_SEGMENTS:
        problems.add("segments", f"at most {MOST_SEGMENTS}, got {len(given)}")
        return
    for name, value in given.items():
        if not (0 < len(name) <= LONGEST_NAME and 0 < len(value) <= LONGEST_VALUE):
            said = f"names have 1 to {LONGEST_NAME} characters, and values 1 to {LONGEST_VALUE}"
            problems.add(f"segments['{name[:40]}']", said)


def _latency(request: LogPredictionRequest, problems: Problems) -> None:
    try:
        seconds = span(request.latency, "latency")
    except BadTimestamp as wrong:
        problems.add("latency", wrong.fields[0].description)
        return
    if not 0 <= seconds <= LONGEST_LATENCY_SECONDS:
        problems.add("latency", f"0 s to a day, got {seconds:g} s")
