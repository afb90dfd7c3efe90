"""What a model saw in a logged prediction: rows of features, and which models they went to."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import Tensor, TensorInput
from turnout.inference.v1.manifest_pb2 import OUTCOME_DROPPED, OUTCOME_SKIPPED, OUTCOME_UNKNOWN

from services.drift.folding import Row
from services.drift.wire import seconds

# Whoever may have been called is not counted either: what a model saw is not guessed.
NOT_CALLED = (OUTCOME_SKIPPED, OUTCOME_DROPPED, OUTCOME_UNKNOWN)
_DTYPES = {
    "BOOL": "?", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1",
    "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip


def models_asked(event: PredictionEvent) -> set[str]:
    """Names of the models that got the input: a second attempt is the same row, a skipped model saw none."""
    return {one.model for one in event.manifest.participants if one.outcome not in NOT_CALLED}


def rows_of(event: PredictionEvent, columns: Sequence[str] = ()) -> list[Row]:
    """The prediction's rows, none for text and the like; `columns` names those of a stacked tensor."""
    time = seconds(event.event_time if event.HasField("event_time") else event.time)
    if event.HasField("features"):
        tabular = event.features
        hidden = frozenset(event.withheld)
        return [Row(time, tabular.numeric_features, tabular.categorical_features, hidden)]
    if event.HasField("tensors"):
        table = _table(event.tensors, columns)
        count = min((len(values) for values in table.values()), default=0)
        return [
            Row(time, {name: float(values[row]) for name, values in table.items()}) for row in range(count)
        ]
    return []


def _table(tensors: TensorInput, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Numeric columns by name. A tensor of several columns is left out unless `columns` fits it."""
    table: dict[str, NDArray[Any]] = {}
    for index, tensor in enumerate(tensors.tensors):
        raw = tensors.raw_contents[index] if index < len(tensors.raw_contents) else None
        values = _values(tensor, raw)
        if values is None:
            continue
        if values.shape[1] == 1:
            table[tensor.name] = values[:, 0]
        elif values.shape[1] == len(columns):
            table |= {name: values[:, column] for column, name in enumerate(columns)}
    return table


def _values(tensor: Tensor, raw: bytes | None) -> NDArray[Any] | None:
    """The tensor as [rows, columns] of numbers; None if it holds none or does not fit its shape."""
    if tensor.datatype not in _DTYPES or not tensor.shape:
        return None
    try:
        values = _flat(tensor, raw)
    except ValueError:
        # Bytes that are no whole numbers, or texts: whoever sent them, the other rows are counted.
        return None
    rows = int(tensor.shape[0])
    # Not numpy's product, which wraps around.
    if rows <= 0 or values.size == 0 or values.size != math.prod(tensor.shape):
        return None
    return values.reshape(rows, -1)


def _flat(tensor: Tensor, raw: bytes | None) -> NDArray[Any]:
    if raw is not None:
        return np.frombuffer(raw, dtype=_DTYPES[tensor.datatype])
    filled = tensor.contents.ListFields()
    return np.array(filled[0][1] if filled else [], dtype=np.float64)
