"""A row of a table as a report of ground truth."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import truth_pb2 as rpc
from turnout.inference.v1.event_pb2 import Truth

from services.foundation.errors import InvalidArgument

TRUTH = "truth"
TEXTS = ("prediction_id", "external_id", "entity_id", "feedback_id", "router", "model")
TIMES = ("event_time", "observed_at")
FIELDS = (*TEXTS, *TIMES, "row", TRUTH)
KEYS = ("prediction_id", "external_id", "entity_id")
# Names of a column of truths, where none is mapped; the first four say what its values are.
NAMES = ("label", "number", "text", "json", "truth", "ground_truth", "value", "target")
# Rows whose kind nobody told: of a number it is a number as well.
EITHER = "either"
_KINDS = {
    rpc.TRUTH_KIND_LABEL: "label",
    rpc.TRUTH_KIND_NUMBER: "number",
    rpc.TRUTH_KIND_TEXT: "text",
    rpc.TRUTH_KIND_JSON: "json",
}


class Columns:
    """Where a table of given columns holds what."""

    def __init__(self, header: rpc.GroundTruthHeader) -> None:
        """Raises InvalidArgument for a map of what is no field."""
        for name in header.column_map:
            if name not in FIELDS:
                said = f"{name[:40]!r} is nothing that a column holds; one of {', '.join(FIELDS)}"
                raise InvalidArgument(f"header.column_map: {said}", fields=[("header.column_map", said)])
        self._mapped = dict(header.column_map)
        self._kind = _KINDS.get(header.kind, "")
        self._router, self._model = header.router, header.model

    def check(self, columns: Collection[str]) -> None:
        """Raises InvalidArgument where columns of that name cannot be read as truth."""
        for field, column in self._mapped.items():
            if column not in columns:
                self._refuse(f"there is no column {column[:40]!r} for {field}", columns)
        if not any(self._mapped.get(key, key) in columns for key in KEYS):
            self._refuse(f"one of {', '.join(KEYS)} is needed", columns)
        if not self._truths_of(columns):
            self._refuse(f"a column of truths is needed: {', '.join(NAMES)}", columns)

    def report(self, row: Mapping[str, Any]) -> tuple[rpc.AddGroundTruthRequest, str]:
        """The row as a report, and what its truth is: label, number, text, json or EITHER. Raises
        InvalidArgument, naming the column."""
        report = rpc.AddGroundTruthRequest(router=self._router, model=self._model)
        for field in TEXTS:
            if (value := self._of(row, field)) is not None:
                setattr(report, field, _text(value, self._named(field)))
        if report.router and report.model:
            # What a row says is its own; what the header says is for rows that say nothing.
            report.ClearField("model" if self._of(row, "router") is not None else "router")
        for field in TIMES:
            if (value := self._of(row, field)) is not None:
                getattr(report, field).CopyFrom(_time(value, self._named(field)))
        if (value := self._of(row, "row")) is not None:
            report.row = _whole(value, self._named("row"))
        column = self._truth_in(row)
        kind = self._kind or (column if column in NAMES[:4] and TRUTH not in self._mapped else EITHER)
        report.truth.CopyFrom(_truth(row[column], kind, column))
        return report, kind

    def _of(self, row: Mapping[str, Any], field: str) -> Any:
        return row.get(self._named(field))

    def _named(self, field: str) -> str:
        return self._mapped.get(field, field)

    def _truth_in(self, row: Mapping[str, Any]) -> str:
        """The one column that holds the row's truth: of two, one may be what was predicted."""
        given = [name for name in self._truths_of(row) if row[name] is not None]
        if len(given) == 1:
            return given[0]
        said = f"is needed: a column of the name {', '.join(NAMES)}"
        if given:
            said = (
                f"is in one column, and {' and '.join(given)} have a value: say which with header.column_map"
            )
        raise InvalidArgument(f"truth: {said}", fields=[(TRUTH, said)])

    def _truths_of(self, columns: Collection[str]) -> list[str]:
        names = [self._mapped[TRUTH]] if TRUTH in self._mapped else NAMES
        return [name for name in names if name in columns]

    def _refuse(self, why: str, columns: Collection[str]) -> None:
        got = ", ".join(column[:40] for column in list(columns)[:20])
        said = f"{why}; the table has {got}: say which with header.column_map"
        raise InvalidArgument(f"data: {said}", fields=[("data", said)])


def _truth(value: Any, kind: str, column: str) -> Truth:
    if kind == "number" or (
        kind == EITHER and isinstance(value, int | float) and not isinstance(value, bool)
    ):
        return Truth(number=_number(value, column))
    if kind == "json" or isinstance(value, dict | list):
        return _structure(value, column)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Truth(text=text) if kind == "text" else Truth(label=text)


def _structure(value: Any, column: str) -> Truth:
    truth = Truth()
    try:
        json_format.ParseDict(json.loads(value) if isinstance(value, str) else value, truth.json)
    except (ValueError, json_format.ParseError, RecursionError) as error:
        raise _wrong(column, f"is no JSON: {str(error)[:200]}") from None
    return truth


def _number(value: Any, column: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise _wrong(column, f"must be a number, got {str(value)[:40]!r}") from None


def _whole(value: Any, column: str) -> int:
    number = _number(value, column)
    if not number.is_integer() or not 0 <= number < 2**31:
        raise _wrong(column, f"must be a whole number, 0 or more, got {str(value)[:40]!r}")
    return int(number)


def _text(value: Any, column: str) -> str:
    if isinstance(value, bool | dict | list):
        raise _wrong(column, f"must be a text, got {json.dumps(value)[:40]}")
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _time(value: Any, column: str) -> Timestamp:
    """A time by RFC 3339, in UTC where it has no zone, or seconds since 1970."""
    stamp = Timestamp()
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            time = datetime.fromisoformat(value.strip())
            stamp.FromDatetime(time if time.tzinfo else time.replace(tzinfo=UTC))
        else:
            stamp.FromNanoseconds(round(_number(value, column) * 1e6) * 1000)
    except (ValueError, OverflowError):
        said = f"must be a time such as 2026-01-31T08:30:00Z, or seconds since 1970, got {str(value)[:40]!r}"
        raise _wrong(column, said) from None
    return stamp


def _wrong(column: str, said: str) -> InvalidArgument:
    return InvalidArgument(f"{column} {said}", fields=[(column, said)])
