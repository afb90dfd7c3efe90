"""Outputs as arrays, and arrays as outputs."""

import math
from collections.abc import Sequence

import numpy as np
from turnout.inference.v1.output_pb2 import (
    Classification,
    ClassifiedRow,
    LabelProbability,
    Output,
    Regression,
    TextOutput,
)

from services.aggregator.answers import (
    Answer,
    Calls,
    Classes,
    Floats,
    Numbers,
    Structure,
    Taken,
    Tensors,
    Text,
    Vectors,
    Verdict,
)
from services.aggregator.errors import NothingSaid, Unreadable
from services.aggregator.wire.structures import (
    read_calls,
    read_structure,
    read_tensors,
    read_vectors,
    write_calls,
    write_structure,
    write_tensors,
    write_vectors,
)
from services.models.answer import Row

# Probabilities computed in half precision miss 1 by this much; nobody needs to be told.
SUM_ROUNDING = 0.001
# Those written with two digits by this much: they are rescaled, and the reply says so. What misses 1 by more
# is something else than probabilities.
SUM_TOLERANCE = 0.01
# Numbers that Python has looked through before numpy has begun.
FEW = 32
KINDS = ", ".join(field.name for field in Output.DESCRIPTOR.oneofs_by_name["kind"].fields)


def read_answer(output: Output) -> Answer:
    """Raises Unreadable for an output without an answer, or with labels, numbers or probabilities that are
    none."""
    match output.WhichOneof("kind"):
        case "classification":
            return _read_classes(output.classification)
        case "regression":
            return _read_numbers(output.regression)
        # Calls of tools are no text to compare, whatever is written beside them.
        case "text" if output.text.tool_calls:
            return read_calls(output.text)
        case "text":
            return _read_text(output.text)
        case "json":
            return read_structure(output)
        case "tensors":
            return read_tensors(output.tensors)
        case "embedding":
            return read_vectors(output.embedding)
        case _:
            raise Unreadable("", f"an answer is required: one of {KINDS}")


def classes_of(row: Row) -> Classes | None:
    """What was read already; None where `read_answer` has something to say about it."""
    return _one(row.labels, row.chosen, row.probabilities) if row.labels[row.chosen] else None


def confidence_of(output: Output, answer: Answer, given: float | None = None) -> Floats | None:
    """[rows]: what is given, else each row's highest probability, else what a text says of itself."""
    if given is None and isinstance(answer, Classes) and answer.probabilities is not None:
        if answer.probabilities.size <= FEW:
            return np.array([max(row) for row in answer.probabilities.tolist()])
        # The method takes twice as long as what it calls.
        return np.asarray(np.maximum.reduce(answer.probabilities, axis=1))
    if given is None and isinstance(answer, Text) and output.text.HasField("confidence"):
        given = output.text.confidence
    return None if given is None else np.full(answer.rows, given)


def write_answer(verdict: Verdict, outputs: Sequence[Output]) -> Output:
    """The verdict as an output; `outputs` are the members', in the order of their ballots."""
    answer = verdict.answer
    return outputs[answer.ballot] if isinstance(answer, Taken) else output_of(answer)


def output_of(answer: Answer) -> Output:
    """The answer as an output."""
    match answer:
        case Numbers(values):
            return Output(regression=Regression(values=values))
        case Classes() as classes:
            return Output(classification=_write_classes(classes))
        case Text(content):
            return Output(text=TextOutput(content=content))
        case Structure() as structure:
            return write_structure(structure)
        case Calls() as calls:
            return write_calls(calls)
        case Tensors() as tensors:
            return write_tensors(tensors)
        case Vectors() as vectors:
            return write_vectors(vectors)


def _read_text(given: TextOutput) -> Text:
    if not given.content.strip():
        why = f"; the model refused: {given.refusal[:200]!r}" if given.refusal else ""
        raise NothingSaid("text.content", f"a text expected, or calls of tools; it is empty{why}")
    # Written so that NaN fails.
    if given.HasField("confidence") and not 0 <= given.confidence <= 1:
        raise Unreadable("text.confidence", f"a number from 0 to 1 expected, got {given.confidence:g}")
    return Text(given.content)


def _read_numbers(given: Regression) -> Numbers:
    values = np.array(given.values, dtype=np.float64)
    if not len(values):
        raise Unreadable("regression.values", "at least one number expected")
    if not np.all(np.isfinite(values)):
        raise Unreadable("regression.values", "finite numbers expected")
    return Numbers(values)


def _read_classes(given: Classification) -> Classes:
    return _read_one(given) or _read_rows(given)


def _read_one(given: Classification) -> Classes | None:
    """One row with its probabilities, in a fifth of the time; None for whatever is odd about it."""
    chances = {each.label: each.probability for each in given.probabilities}
    columns = tuple(chances)
    # Of a label that came twice one would be lost.
    if given.label not in chances or given.rows or len(given.probabilities) > len(columns):
        return None
    return _one(columns, columns.index(given.label), list(chances.values()))


def _one(columns: tuple[str, ...], chosen: int, chances: Sequence[float]) -> Classes | None:
    total = math.fsum(chances)
    off = abs(total - 1)
    # Written so that NaN fails.
    if not (off <= SUM_TOLERANCE and min(chances) >= 0):
        return None
    # Of 32 bits they may be, in a container of protobuf that numpy keeps so.
    shares = np.array([chances], dtype=np.float64)
    shares /= total
    return Classes(columns, np.array([chosen]), shares, off > SUM_ROUNDING)


def _read_rows(given: Classification) -> Classes:
    names = [row.label for row in given.rows] or [given.label]
    if not all(names):
        raise Unreadable("classification.label", "a label is required for every row")
    columns = [each.label for each in given.probabilities]
    if len(set(columns)) < len(columns):
        raise Unreadable("classification.probabilities", f"each label once expected, got {columns[:10]}")
    labels = tuple(dict.fromkeys((*columns, *names)))
    place = {label: index for index, label in enumerate(labels)}
    chosen = np.array([place[name] for name in names], dtype=np.int64)
    return Classes(labels, chosen, *_read_probabilities(given, len(columns), len(labels)))


def _read_probabilities(given: Classification, columns: int, labels: int) -> tuple[Floats | None, bool]:
    """[rows, labels], 1 in sum; labels beyond the columns have 0; None where there are none. And whether they
    had to be rescaled by more than rounding."""
    first: Sequence[float] = [each.probability for each in given.probabilities]
    rows: list[Sequence[float]] = [row.probabilities for row in given.rows] or [first]
    if not columns and not any(map(len, rows)):
        return None, False
    for index, row in enumerate(rows):
        if len(row) != columns:
            said = f"{columns} expected, one per label of the first row; got {len(row)}"
            raise Unreadable(f"classification.rows[{index}].probabilities", said)
    spread = np.array(rows, dtype=np.float64)
    sums = spread.sum(axis=1)
    # Written so that NaN fails.
    sound = (np.abs(sums - 1) <= SUM_TOLERANCE) & np.all(spread >= 0, axis=1)
    if not np.all(sound):
        bad = int(np.argmin(sound))
        path = f"classification.rows[{bad}].probabilities" if given.rows else "classification.probabilities"
        raise Unreadable(path, f"numbers from 0 with the sum 1 expected, got {spread[bad][:10].tolist()}")
    padded = np.zeros((len(rows), labels))
    padded[:, :columns] = spread / sums[:, None]
    return padded, bool(np.any(np.abs(sums - 1) > SUM_ROUNDING))


def _write_classes(answer: Classes) -> Classification:
    names, spread = answer.names, answer.probabilities
    message = Classification(label=names[0])
    if spread is not None:
        first = zip(answer.labels, spread[0].tolist(), strict=True)
        message.probabilities.extend(LabelProbability(label=label, probability=p) for label, p in first)
    if len(names) > 1:
        rows = [()] * len(names) if spread is None else spread
        message.rows.extend(
            ClassifiedRow(label=name, probabilities=row) for name, row in zip(names, rows, strict=True)
        )
    return message
