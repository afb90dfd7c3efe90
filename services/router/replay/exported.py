"""Decisions from what ExportPredictions writes: a row of each prediction is enough, as rows share them."""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any, BinaryIO

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import Decision

from services.router.logbook.columns import COLUMNS, TIME

# A Parquet file begins and ends with it.
MAGIC = b"PAR1"
ROWS_AT_ONCE = 500

Row = Mapping[str, Any]
# Of a decision, under the same names in a row; null where they are not set.
SAME = (
    *("strategy", "policy", "variant", "model", "propensity", "held"),
    *("u", "salt", "unit_hash", "displaced", "request_score"),
)
CANDIDATE = ("variant", "model", "probability", "eligible", "score", "reason")
# Columns stand in order: what was asked and decided, then what came of it.
READ = tuple(takewhile(lambda name: name != "outcome", COLUMNS))


def is_row(given: Mapping[str, Any]) -> bool:
    """Whether an object is a row of an export."""
    return "candidates" in given and "prediction_id" in given


def is_further_row(given: Any) -> bool:
    """Whether it is one of a prediction that another row was of."""
    return isinstance(given, dict) and is_row(given) and bool(given.get("row"))


def table(file: BinaryIO) -> Iterator[tuple[int, Row]]:
    """The first row of each prediction of a Parquet file, and its place in the file. Raises ValueError."""
    # Here, for it takes a second and 60 MB, and most files are of another kind.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    opened = parquet.ParquetFile(file)
    wanted = [name for name in opened.schema_arrow.names if name in READ]
    place = 0
    for batch in opened.iter_batches(ROWS_AT_ONCE, columns=wanted):
        whole = pa.Table.from_batches([batch])
        for index, name in enumerate(wanted):
            if COLUMNS[name] == TIME:
                # As a number: a datetime has no nanoseconds.
                whole = whole.set_column(index, name, whole[name].cast(pa.int64()))
        for row in whole.to_pylist():
            place += 1
            if not row["row"]:
                yield place, row


def event_of(row: Row) -> PredictionEvent:
    """What decided, and what was decided. Raises ValueError, LookupError for what is no row."""
    event = PredictionEvent(router_uid=row.get("router_uid") or "", entity_id=row.get("entity_id") or "")
    event.input_kind = row.get("input_kind") or ""
    event.attributes.update(_map(row, "attributes"))
    features = {name: _map(row, name) for name in ("numeric_features", "categorical_features")}
    if any(features.values()) or row.get("missing_features"):
        event.features.numeric_features.update(features["numeric_features"])
        event.features.categorical_features.update(features["categorical_features"])
        event.features.missing.extend(row.get("missing_features") or ())
    told = event.manifest
    told.prediction_id, told.router, told.generation = row["prediction_id"], row["router"], row["generation"]
    told.decision.CopyFrom(_decision(row))
    return event


def _decision(row: Row) -> Decision:
    decision = Decision(**_said(row, SAME))
    if row.get("mode"):
        decision.MergeFrom(Decision(mode=f"DECISION_MODE_{row['mode']}"))
    if row.get("draw"):
        decision.MergeFrom(Decision(draw=f"DRAW_SOURCE_{row['draw']}"))
    for one in row["candidates"]:
        decision.candidates.add(**_said(one, CANDIDATE))
    decision.context.extend(row.get("context") or ())
    decision.rule_errors.extend(row.get("rule_errors") or ())
    decision.versions.learner = row.get("learner_version") or 0
    decision.versions.metrics = row.get("metrics_version") or 0
    if row.get("decided_at") is not None:
        decision.time.CopyFrom(_stamp(row["decided_at"]))
    return decision


def _said(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if row.get(name) is not None}


def _map(row: Row, name: str) -> dict[str, Any]:
    """A map, which Parquet gives as pairs; a number that is null was not finite."""
    pairs = dict(row.get(name) or {})
    return {key: float("nan") if value is None else value for key, value in pairs.items()}


def _stamp(given: int | str) -> Timestamp:
    made = Timestamp()
    if isinstance(given, str):
        made.FromJsonString(given)
    else:
        made.FromNanoseconds(given)
    return made
