"""The header of an upload, read and checked."""

import codecs
from collections.abc import Iterator, Mapping
from math import isfinite

from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.uploading.wishes import MAX_REFUSED_SHARE, Format, Kind, Wishes
from services.foundation.errors import FieldViolation, InvalidArgument

# Codecs that decode in pieces and in linear time; others of Python's are no encodings of text, or are not.
ENCODINGS = (
    "utf",
    "iso8859",
    "latin",
    "cp",
    "koi8",
    "mac-",
    "ascii",
    "gb",
    "big5",
    "shift_jis",
    "euc_",
    "johab",
)
MOST_SEGMENT_COLUMNS = 5
MOST_NAMES = 10_000


def read_header(header: rpc.UploadBaselineHeader, model: Model) -> Wishes:
    """What the header wishes for a baseline of the model. Raises InvalidArgument with every wrong field."""
    encoding = _encoding(header.encoding)
    if wrong := [*_wrong(header), *([] if encoding is not None else [_no_encoding(header.encoding)])]:
        raise InvalidArgument(f"{wrong[0].field} {wrong[0].description}", fields=wrong)
    share = header.max_refused_share if header.HasField("max_refused_share") else MAX_REFUSED_SHARE
    return Wishes(
        format=Format(header.format) if header.format else None,
        column_map=dict(header.column_map),
        features=tuple(header.features),
        kinds={name: Kind(kind) for name, kind in header.kinds.items()},
        prediction=header.prediction_column,
        score=header.score_column,
        weight=header.weight_column,
        segments=tuple(header.segments),
        importance=dict(header.importance),
        encoding=encoding or "",
        delimiter=header.delimiter,
        missing_words=frozenset(header.missing_words) if header.missing_words else None,
        max_refused_share=share,
        file_bytes=header.file_bytes,
        declared=declared(model),
    )


def declared(model: Model) -> Mapping[str, Kind | None]:
    """The features of a model's signature, with their kinds where it tells them."""
    return {one.name: Kind(one.kind) if one.kind else None for one in model.signature.features}


def _encoding(given: str) -> str | None:
    """The encoding as Python's own name of it, empty for UTF-8; None where it is none for a file."""
    if not given:
        return ""
    try:
        name = codecs.lookup(given).name
    except (LookupError, ValueError):
        return None
    return ("" if name == "utf-8" else name) if name.startswith(ENCODINGS) else None


def _no_encoding(given: str) -> FieldViolation:
    said = f"{given[:40]!r} is no encoding of texts; such are utf-8, utf-16, latin-1 and cp1252"
    return FieldViolation("header.encoding", said)


def _wrong(header: rpc.UploadBaselineHeader) -> Iterator[FieldViolation]:
    for field, values in (("format", [header.format]), ("kinds", list(header.kinds.values()))):
        known = range(5) if field == "format" else range(1, 3)
        if any(value not in known for value in values):
            yield FieldViolation(f"header.{field}", "has a value that is not known")
    for name, weight in header.importance.items():
        if not (isfinite(weight) and weight >= 0):
            yield FieldViolation(f"header.importance[{name!r}]", f"must be a number from 0 up, got {weight}")
    if not 0 <= header.max_refused_share <= 1:
        yield FieldViolation("header.max_refused_share", f"must be 0 to 1, got {header.max_refused_share}")
    if len(header.delimiter) > 1 or header.delimiter in ('"', "\n", "\r"):
        yield FieldViolation("header.delimiter", "must be one character, and no quote or line end")
    if header.file_bytes < 0:
        yield FieldViolation("header.file_bytes", f"must not be negative, got {header.file_bytes}")
    yield from _wrong_names(header)


def _wrong_names(header: rpc.UploadBaselineHeader) -> Iterator[FieldViolation]:
    if len(header.segments) > MOST_SEGMENT_COLUMNS or len(set(header.segments)) < len(header.segments):
        said = f"at most {MOST_SEGMENT_COLUMNS} columns, each once"
        yield FieldViolation("header.segments", said)
    if len(header.features) > MOST_NAMES or len(set(header.features)) < len(header.features):
        yield FieldViolation("header.features", f"at most {MOST_NAMES:,} names, each once")
    outputs = [name for name in (header.prediction_column, header.score_column, header.weight_column) if name]
    if len(set(outputs)) < len(outputs):
        said = "prediction_column, score_column and weight_column must be 3 columns"
        yield FieldViolation("header.prediction_column", said)
    if any("" in names for names in (header.features, header.segments, header.column_map.values())):
        yield FieldViolation("header", "has an empty name of a column")
