"""Baselines between the noun and the message, which is both what is stored and what is shown."""

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import baseline_pb2, feature_role_pb2, segment_pb2
from turnout.router.v1 import model_pb2

from services.drift.baselines import (
    Baseline,
    CategoricalColumns,
    Feature,
    NumericColumns,
    Role,
    Segment,
    Source,
)
from services.drift.cells import Frame, Grid, Tally, Vocabulary
from services.drift.cells.grid import MISSING, NAN, NEGATIVE_INFINITY, POSITIVE_INFINITY
from services.drift.cells.vocabulary import MISSING as UNNAMED
from services.drift.cells.vocabulary import OTHER
from services.drift.counted import Counted
from services.drift.spelling import segment_value
from services.state import formats

BASELINE_FORMAT = 1


def timestamp(seconds: float) -> Timestamp:
    """Seconds since the epoch as a message, to the microsecond."""
    stamp = Timestamp()
    stamp.FromMicroseconds(round(seconds * 1e6))
    return stamp


def seconds(stamp: Timestamp) -> float:
    """A timestamp as seconds since the epoch."""
    return stamp.seconds + stamp.nanos / 1e9


def read_columns(columns: baseline_pb2.Columns) -> tuple[NumericColumns, CategoricalColumns]:
    """Columns as values: NaN is missing among numbers, and the empty string among names."""
    numeric = {name: list(column.values) for name, column in columns.numeric.items()}
    categorical = {
        name: [value or None for value in column.values] for name, column in columns.categorical.items()
    }
    return numeric, categorical


def show_baseline(baseline: Baseline, counted: Counted) -> baseline_pb2.Baseline:
    """The noun as a message, with what traffic is counted on now."""
    message = write_baseline(baseline, active=counted.is_active(baseline))
    message.counted = message.active or counted.is_beside(baseline)
    return message


def write_baseline(baseline: Baseline, active: bool) -> baseline_pb2.Baseline:
    """The noun as a message."""
    return baseline_pb2.Baseline(
        format=BASELINE_FORMAT,
        name=baseline.name,
        uid=baseline.uid,
        model_uid=baseline.model_uid,
        rows=baseline.rows,
        features=[_write_feature(feature) for feature in baseline.features],
        active=active,
        counted=active,
        create_time=timestamp(baseline.create_time),
        description=baseline.description,
        segment=write_segment(baseline.segment),
        source=baseline_pb2.BaselineSource.Name(baseline.source.value),
        warnings=baseline.warnings,
    )


def write_segment(segment: Segment | None) -> segment_pb2.Segment | None:
    """The noun as a message."""
    return segment_pb2.Segment(name=segment.name, value=segment.value) if segment else None


def read_segment(message: segment_pb2.Segment) -> Segment | None:
    """The message as a noun; None where it is empty."""
    return Segment(message.name, segment_value(message.value)) if message.name else None


def read_baseline(message: baseline_pb2.Baseline) -> Baseline:
    """The message as a noun. Raises NewerFormat."""
    formats.check("baseline", message.format, BASELINE_FORMAT)
    model, _, own = message.name.partition("/baselines/")
    return Baseline(
        uid=message.uid,
        id=own,
        model=model,
        model_uid=message.model_uid,
        rows=message.rows,
        features=tuple(_read_feature(feature) for feature in message.features),
        create_time=seconds(message.create_time),
        description=message.description,
        segment=read_segment(message.segment),
        source=Source(message.source),
        warnings=tuple(message.warnings),
    )


def _write_feature(feature: Feature) -> baseline_pb2.FeatureBaseline:
    message = baseline_pb2.FeatureBaseline(
        name=feature.name,
        importance=feature.importance,
        role=feature_role_pb2.FeatureRole.Name(feature.role.value),
        kind_reason=feature.kind_reason,
    )
    frame, tally = feature.frame, feature.tally
    message.counts.extend(frame.present(tally).tolist())
    if isinstance(frame, Vocabulary):
        message.kind = model_pb2.FEATURE_KIND_CATEGORICAL
        message.categories.extend(frame.names)
        message.other, message.missing = int(message.counts.pop()), frame.absent(tally)
        return message
    message.kind = model_pb2.FEATURE_KIND_NUMERIC
    message.edges.extend(frame.edges.tolist())
    message.coarse_bins.extend(frame.bins.tolist())
    message.width = frame.width
    message.missing, message.nan = int(tally.columns[MISSING]), int(tally.columns[NAN])
    message.positive_infinity = int(tally.columns[POSITIVE_INFINITY])
    message.negative_infinity = int(tally.columns[NEGATIVE_INFINITY])
    least, greatest = frame.ends(tally)
    if least is not None:
        message.min = least
    if greatest is not None:
        message.max = greatest
    return message


def _read_feature(message: baseline_pb2.FeatureBaseline) -> Feature:
    frame, tally = _read_cells(message)
    role = Role(message.role)
    return Feature(message.name, frame, tally, message.importance, role, message.kind_reason)


def _read_cells(message: baseline_pb2.FeatureBaseline) -> tuple[Frame, Tally]:
    columns: list[int] = list(message.counts)
    if message.kind == model_pb2.FEATURE_KIND_CATEGORICAL:
        vocabulary = Vocabulary(tuple(message.categories), overflowed=message.other > 0)
        beside = {OTHER: message.other, UNNAMED: message.missing}
        return vocabulary, _tally(columns, beside)
    grid = Grid(np.array(message.edges), np.array(message.coarse_bins, dtype=np.int64), message.width)
    infinite = {POSITIVE_INFINITY: message.positive_infinity, NEGATIVE_INFINITY: message.negative_infinity}
    beside = {MISSING: message.missing, NAN: message.nan, **infinite}
    return grid, _tally(columns, beside)


def _tally(columns: list[int], beside: dict[int, int]) -> Tally:
    return Tally(np.array(columns + [beside[index] for index in sorted(beside)], dtype=np.int64))
