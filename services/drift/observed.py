"""What a model saw and said in a logged prediction: rows to count, and which models they went to."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import TensorInput
from turnout.inference.v1.manifest_pb2 import OUTCOME_DROPPED, OUTCOME_SKIPPED, OUTCOME_UNKNOWN

from services.drift.rows import NOTHING_WITHHELD, Block, Floats, One, Records, Row, Rows, Said
from services.drift.stamps import times_of
from services.drift.tensors import columns_of, text_columns_of
from services.drift.wire import seconds
from services.state.logged import Columns
from services.state.packed import PackedEvent, happened

# Whoever may have been called is not counted either: what a model saw is not guessed.
NOT_CALLED = (OUTCOME_SKIPPED, OUTCOME_DROPPED, OUTCOME_UNKNOWN)


# An event, and the names of the models that got its input.
Asked: TypeAlias = tuple[PredictionEvent | PackedEvent, Collection[str]]


def models_asked(event: PredictionEvent) -> set[str]:
    """Names of the models that got the input: a second attempt is the same row, a skipped model saw none."""
    return {one.model for one in event.manifest.participants if one.outcome not in NOT_CALLED}


def rows_of(
    event: PredictionEvent,
    columns: Sequence[str] = (),
    said: Said | None = None,
    features: Collection[str] = (),
) -> list[One]:
    """The prediction's rows with what a model said to them; none for texts and the like to which it said
    nothing that is counted. `columns` names those of a stacked tensor, `features` what texts of tensors may
    be: a tensor of others may be a prompt."""
    if event.HasField("features"):
        hidden = frozenset(event.withheld) or NOTHING_WITHHELD
        known = event.features
        # By position: by name it takes twice as long.
        return [Row(_time(event), known.numeric_features, known.categorical_features, hidden, _one(said))]
    return _blocks(event, columns, said, features)


def records_of(
    events: Sequence[PackedEvent],
    columns: Sequence[str] = (),
    say: Callable[[PackedEvent], Said | None] | None = None,
    features: Collection[str] = (),
    read: Columns | None = None,
) -> list[Rows]:
    """The rows of many predictions: those that have features together, the others as `rows_of` has them.
    `say` gives what the model said to one; None where nobody counts it. read: their columns, where they were
    read with the batch."""
    if read is not None and events:
        answers = [_one(say(event)) for event in events] if say else ()
        return [Records(read.seconds, read.features, said=answers)]
    packed: list[Any] = [event.features for event in events]
    found: list[Rows] = []
    # Empty ones may be features too, and may be none.
    if not all(packed):
        others = [event for event in events if not event.HasField("features")]
        found = [
            rows
            for event in others
            for rows in _blocks(event, columns, say(event) if say else None, features)
        ]
        events = [event for event in events if event.HasField("features")]
        packed = [event.features for event in events]
    if not events:
        return found
    withheld = {at: frozenset(names) for at, event in enumerate(events) if (names := event.withheld)}
    said = [_one(say(event)) for event in events] if say else ()
    return [Records(times_of(_stamps(events)), packed, withheld, said), *found]


def _one(said: Said | None) -> Said | None:
    """An answer to one row."""
    return said if said is not None and len(said.labels) == 1 else None


def _blocks(
    event: PredictionEvent, columns: Sequence[str], said: Said | None, features: Collection[str]
) -> list[One]:
    """The rows of a prediction without features."""
    given = event.HasField("tensors")
    table = _table(event.tensors, columns) if given else {}
    words = _words(event.tensors, columns, features) if given and features else {}
    # Numbers say how many rows there are; beside them a text may be about all of them.
    size = min(map(len, table.values() or words.values()), default=0)
    if size:
        answer = said if said is not None and len(said.labels) == size else None
        numbers = {name: values[:size] for name, values in table.items()}
        texts = {name: own[:size] for name, own in words.items() if name not in table and len(own) >= size}
        return [Block(_time(event), size, numbers, answer, texts=texts)]
    # What it was given is not known, what it said is.
    return [Block(_time(event), len(said.labels), {}, said, given=False)] if said is not None else []


def _time(event: PredictionEvent | PackedEvent) -> float:
    """Seconds since the epoch of when it happened; of its arrival where that is not said."""
    return seconds(happened(event))


def _stamps(events: Sequence[PackedEvent]) -> Sequence[bytes]:
    """The same of many, as the bytes of Timestamps."""
    told: list[Any] = [event.event_time for event in events]
    if not all(told):
        # Of the epoch itself there are no bytes either.
        each = zip(events, told, strict=True)
        told = [stamp if stamp or event.HasField("event_time") else event.time for event, stamp in each]
    return told


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


def _words(tensors: TensorInput, columns: Sequence[str], features: Collection[str]) -> dict[str, list[str]]:
    """Columns of texts that are features, by name."""

    def wanted(name: str, width: int) -> bool:
        return name in features if width == 1 else width == len(columns)

    words: dict[str, list[str]] = {}
    for tensor, texts in text_columns_of(tensors, wanted).items():
        named = zip([tensor] if len(texts) == 1 else columns, texts, strict=True)
        words |= {name: column for name, column in named if name in features}
    return words
