"""What came of a prediction, as people type it and as their files have it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import typer
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest

from services.cli.durations import moment
from services.foundation.errors import InvalidArgument


class BadOutcome(InvalidArgument):
    """A line that says nothing that counts."""


# Columns of files, under the names that the contract has; "reward", "truth" and "metric" say what came of it.
TEXTS = ("prediction_id", "router", "external_id", "entity_id", "feedback_id")
TIMES = ("event_time", "observed_at")
OUTCOMES = ("truth", "reward", "metric")
COLUMNS = (*TEXTS, *TIMES, "row", *OUTCOMES, "value")


def rewarded(request: RecordFeedbackRequest, text: str) -> None:
    """Put a reward, or METRIC=VALUE, into a request. Raises BadOutcome."""
    name, sign, value = text.rpartition("=")
    if sign:
        request.metric.name, request.metric.value = name, _number(value, name)
    else:
        request.reward = _number(text, "reward")


def true(request: RecordFeedbackRequest, text: Any, *, number: bool) -> None:
    """Put the truth into a request: a label, or a number. Raises BadOutcome."""
    if number or (isinstance(text, int | float) and not isinstance(text, bool)):
        request.truth.number = _number(text, "truth")
    else:
        request.truth.label = str(text)


def request_of(
    row: Mapping[str, Any], names: Mapping[str, str], router: str, *, number: bool
) -> RecordFeedbackRequest:
    """The feedback of a line of a file. `names` are its columns by what they hold. Raises BadOutcome."""
    if isinstance(row.get("truth"), dict) or isinstance(row.get("metric"), dict):
        return _whole(row, router)
    told = {field: row[name] for field, name in names.items() if row.get(name) not in (None, "")}
    made = RecordFeedbackRequest(router=router)
    for name in TEXTS:
        if name in told:
            setattr(made, name, str(told[name]))
    for name in TIMES:
        if name in told:
            getattr(made, name).CopyFrom(_moment(told[name], name))
    if "row" in told:
        made.row = int(_number(told["row"], "row"))
    _outcome(made, told, number=number)
    return made


def _outcome(made: RecordFeedbackRequest, told: Mapping[str, Any], *, number: bool) -> None:
    given = [name for name in OUTCOMES if name in told]
    if len(given) != 1:
        said = f"got {' and '.join(given)}" if given else "got none"
        raise BadOutcome(f"one of {', '.join(OUTCOMES)} says what came of it; {said}")
    if given == ["truth"]:
        true(made, told["truth"], number=number)
    elif given == ["metric"]:
        made.metric.name, made.metric.value = str(told["metric"]), _number(told.get("value"), "value")
    else:
        made.reward = _number(told["reward"], "reward")


def _whole(row: Mapping[str, Any], router: str) -> RecordFeedbackRequest:
    try:
        return ParseDict({"router": router, **row} if router else dict(row), RecordFeedbackRequest())
    except ValueError as wrong:
        raise BadOutcome(str(wrong)) from None


def _number(text: Any, name: str) -> float:
    read: Callable[[Any], float] = float
    try:
        value = read(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise BadOutcome(f"{name}: a number is expected, got {text!r}", fields=[(name, "a number")])
    return value


def _moment(text: Any, name: str) -> Timestamp:
    stamp = Timestamp()
    try:
        # Files have moments as text, or as seconds since 1970.
        if isinstance(text, int | float):
            stamp.FromNanoseconds(int(text * 1e9))
        else:
            stamp.FromDatetime(moment(str(text)))
    except (typer.BadParameter, ValueError, OverflowError) as wrong:
        raise BadOutcome(f"{name}: a moment of ISO 8601 is expected, got {text!r}") from wrong
    return stamp
