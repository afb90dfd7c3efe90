"""What a model saw and said in a logged prediction: rows to count, and which models they went to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import TensorInput
from turnout.inference.v1.manifest_pb2 import OUTCOME_DROPPED, OUTCOME_SKIPPED, OUTCOME_UNKNOWN

from services.drift.rows import NO_NUMBERS, NO_TEXTS, NOTHING_WITHHELD, Block, Floats, Row, Rows, Said
from services.drift.tensors import columns_of
from services.drift.wire import seconds

# Whoever may have been called is not counted either: what a model saw is not guessed.
NOT_CALLED = (OUTCOME_SKIPPED, OUTCOME_DROPPED, OUTCOME_UNKNOWN)


def models_asked(event: PredictionEvent) -> set[str]:
    """Names of the models that got the input: a second attempt is the same row, a skipped model saw none."""
    return {one.model for one in event.manifest.participants if one.outcome not in NOT_CALLED}


def rows_of(event: PredictionEvent, columns: Sequence[str] = (), said: Said | None = None) -> list[Rows]:
    """The prediction's rows with what a model said to them; none for texts and the like to which it said
    nothing that is counted. `columns` names those of a stacked tensor. The features of a packed event stay
    so."""
    time = _time(event)
    if event.HasField("features"):
        withheld = event.withheld
        hidden = frozenset(withheld) if withheld else NOTHING_WITHHELD
        answer = said if said is not None and len(said.labels) == 1 else None
        features: Any = event.features
        # By position: by name it takes twice as long.
        if isinstance(features, bytes):
            return [Row(time, NO_NUMBERS, NO_TEXTS, hidden, answer, features)]
        return [Row(time, features.numeric_features, features.categorical_features, hidden, answer)]
    table = _table(event.tensors, columns) if event.HasField("tensors") else {}
    size = min((len(values) for values in table.values()), default=0)
    if size:
        answer = said if said is not None and len(said.labels) == size else None
        return [Block(time, size, {name: values[:size] for name, values in table.items()}, answer)]
    # What it was given is not known, what it said is.
    return [Block(time, len(said.labels), {}, said, given=False)] if said is not None else []


def _time(event: PredictionEvent) -> float:
    """Seconds since the epoch of when it happened; of its arrival where that is not said."""
    stamp = event.event_time
    # To ask whether it is there takes as long as to read it: only of the epoch itself is it not clear.
    if not (whole := stamp.seconds) and not event.HasField("event_time"):
        return seconds(event.time)
    return whole + stamp.nanos / 1e9


def _table(tensors: TensorInput, columns: Sequence[str]) -> dict[str, Floats]:
    """Numeric columns by name. A tensor of several columns is left out unless `columns` fits it."""
    table: dict[str, Floats] = {}
    for tensor, values in columns_of(tensors).items():
        numbers = values.astype(np.float64)
        if values.shape[1] == 1:
            table[tensor] = numbers[:, 0]
        elif values.shape[1] == len(columns):
            table |= {name: numbers[:, column] for column, name in enumerate(columns)}
    return table
