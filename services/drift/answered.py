"""What a model said in a logged prediction: a label and its probability, or a value, row by row."""

from collections.abc import Sequence

from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.output_pb2 import Classification, Output
from turnout.router.v1.model_pb2 import OutputSpec

from services.drift.rows import Said
from services.drift.tensors import columns_of, texts_of


def said_by(event: PredictionEvent, model: str, spec: OutputSpec | None = None) -> Said | None:
    """The answer of `model`, of its first attempt that has one; None where there is none, it is not logged,
    or it is neither classes nor numbers. spec: what the model's signature says of its output tensors."""
    participants = event.manifest.participants
    for one in event.outputs:
        if not (0 <= one.participant < len(participants) and participants[one.participant].model == model):
            continue
        said = read_answer(one.output, spec)
        if said is not None:
            return said
    return None


def said_at(event: PredictionEvent, index: int, spec: OutputSpec | None = None) -> Said | None:
    """The same of the participant at that place of the manifest."""
    given = (read_answer(one.output, spec) for one in event.outputs if one.participant == index)
    return next((said for said in given if said is not None), None)


def read_answer(output: Output, spec: OutputSpec | None = None) -> Said | None:
    """The rows of an answer; None for texts and the like."""
    kind = output.WhichOneof("kind")
    if kind == "classification":
        return _classes(output.classification)
    if kind == "regression" and output.regression.values:
        values = list(output.regression.values)
        return Said([None] * len(values), values)
    if kind == "tensors" and spec is not None:
        return _named(output, spec)
    return None


def _classes(found: Classification) -> Said:
    names = [one.label for one in found.probabilities]
    if not found.rows:
        of = {one.label: one.probability for one in found.probabilities}
        return Said([found.label or None], [of.get(found.label)])
    # A row's probabilities are in the order of the first row's.
    scores = [
        dict(zip(names, row.probabilities, strict=False)).get(row.label) if row.label else None
        for row in found.rows
    ]
    return Said([row.label or None for row in found.rows], scores)


def _named(output: Output, spec: OutputSpec) -> Said | None:
    """Tensors that the model's signature names."""
    numeric, texts = columns_of(output.tensors), texts_of(output.tensors)
    if spec.value in numeric:
        values = [float(value) for value in numeric[spec.value][:, 0]]
        return Said([None] * len(values), list(values))
    classes = list(spec.class_order)
    rows = numeric[spec.probabilities].tolist() if spec.probabilities in numeric else None
    if spec.label in texts:
        labels: Sequence[str | None] = [text or None for text in texts[spec.label]]
    elif spec.label in numeric:
        labels = [_at(classes, value) for value in numeric[spec.label][:, 0].tolist()]
    elif rows is not None and classes and len(rows[0]) == len(classes):
        labels = [classes[row.index(max(row))] for row in rows]
    else:
        return None
    return Said(labels, _scores(labels, rows, classes))


def _scores(
    labels: Sequence[str | None], rows: list[list[float]] | None, classes: list[str]
) -> list[float | None]:
    if rows is None or len(rows) != len(labels):
        return [None] * len(labels)
    if len(rows[0]) == len(classes):
        # A label that is no class has no probability that is known to be its own.
        return [
            dict(zip(classes, row, strict=True)).get(label) if label is not None else None
            for label, row in zip(labels, rows, strict=True)
        ]
    if len(rows[0]) == 1 and len(classes) == 2:
        # One probability is the positive class's, which comes last.
        return [
            row[0] if label == classes[1] else 1 - row[0] for label, row in zip(labels, rows, strict=True)
        ]
    return [None] * len(labels)


def _at(classes: list[str], index: float) -> str:
    if index.is_integer() and 0 <= index < len(classes):
        return classes[int(index)]
    return f"{index:g}"
