"""Outputs as arrays, and arrays as outputs."""

from collections.abc import Sequence

import numpy as np
from turnout.inference.v1.output_pb2 import (
    Classification,
    ClassifiedRow,
    LabelProbability,
    Output,
    Regression,
)

from services.aggregator.answers import Answer, Classes, Floats, Numbers, Taken, Text, Verdict, Whole

# Probabilities written with two digits, or computed in half precision, miss 1 by this much.
SUM_TOLERANCE = 0.01


class Unreadable(ValueError):
    """An output that is no answer: `path` leads from it to what is wrong, `said` tells what is right."""

    def __init__(self, path: str, said: str) -> None:
        super().__init__(f"{path}: {said}" if path else said)
        self.path = path
        self.said = said


def read_answer(output: Output) -> Answer:
    """Raises Unreadable for an output without an answer, or with labels, numbers or probabilities that are
    none."""
    match output.WhichOneof("kind"):
        case "classification":
            return _read_classes(output.classification)
        case "regression":
            return _read_numbers(output.regression)
        # Calls of tools are no text to compare, whatever is written beside them.
        case "text" if not output.text.tool_calls:
            return Text(output.text.content)
        case "text":
            return Whole("tool calls")
        case None:
            raise Unreadable("", "an answer is required: one of classification, regression, text")
        case kind:
            return Whole(kind)


def confidence_of(output: Output, answer: Answer, given: float | None = None) -> Floats | None:
    """[rows]: what is given, else each row's highest probability, else what a text says of itself."""
    if given is None and isinstance(answer, Classes) and answer.probabilities is not None:
        return np.asarray(answer.probabilities.max(axis=1))
    if given is None and isinstance(answer, Text) and output.text.HasField("confidence"):
        given = output.text.confidence
    return None if given is None else np.full(answer.rows, given)


def write_answer(verdict: Verdict, outputs: Sequence[Output]) -> Output:
    """The verdict as an output; `outputs` are the members', in the order of their ballots."""
    answer = verdict.answer
    if isinstance(answer, Taken):
        return outputs[answer.ballot]
    if isinstance(answer, Numbers):
        return Output(regression=Regression(values=answer.values))
    return Output(classification=_write_classes(answer))


def _read_numbers(given: Regression) -> Numbers:
    values = np.array(given.values, dtype=np.float64)
    if not len(values):
        raise Unreadable("regression.values", "at least one number expected")
    if not np.all(np.isfinite(values)):
        raise Unreadable("regression.values", "finite numbers expected")
    return Numbers(values)


def _read_classes(given: Classification) -> Classes:
    names = [row.label for row in given.rows] or [given.label]
    if not all(names):
        raise Unreadable("classification.label", "a label is required for every row")
    columns = [each.label for each in given.probabilities]
    if len(set(columns)) < len(columns):
        raise Unreadable("classification.probabilities", f"each label once expected, got {columns[:10]}")
    labels = tuple(dict.fromkeys((*columns, *names)))
    place = {label: index for index, label in enumerate(labels)}
    chosen = np.array([place[name] for name in names], dtype=np.int64)
    return Classes(labels, chosen, _read_probabilities(given, len(columns), len(labels)))


def _read_probabilities(given: Classification, columns: int, labels: int) -> Floats | None:
    """[rows, labels], 1 in sum; labels beyond the columns have 0. None where there are none."""
    first: Sequence[float] = [each.probability for each in given.probabilities]
    rows: list[Sequence[float]] = [row.probabilities for row in given.rows] or [first]
    if not columns and not any(map(len, rows)):
        return None
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
    return padded


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
