"""What a model answered elsewhere: whole, or as a label and a score; and how many rows it has."""

import math
from collections.abc import Iterable

from turnout.drift.v1.logging_pb2 import LogPredictionRequest
from turnout.inference.v1.output_pb2 import Classification, LabelProbability, Output

from services.foundation.nesting import TOO_DEEP, is_too_deep
from services.models.problems import Problems
from services.state.reports import LONGEST_LABEL


def answer_of(request: LogPredictionRequest, problems: Problems) -> Output | None:
    """The answer; None where only an input was given."""
    if request.HasField("output"):
        for field in ("label", "score"):
            if getattr(request, field) if field == "label" else request.HasField("score"):
                problems.add(field, "goes without output, which says it")
        _check(request.output, problems)
        return request.output
    score = request.score if request.HasField("score") else None
    if request.label:
        return Output(classification=_class(request.label, score, problems))
    if score is None:
        return None
    _numbers("score", [score], problems)
    answer = Output()
    answer.regression.values.append(score)
    return answer


def rows_of(output: Output) -> int | None:
    """Rows of an answer; None where it does not say."""
    match output.WhichOneof("kind"):
        case "classification":
            return max(1, len(output.classification.rows))
        case "regression":
            return len(output.regression.values)
        case "tensors":
            return min((tensor.shape[0] for tensor in output.tensors.tensors if tensor.shape), default=None)
    return None


def _class(label: str, score: float | None, problems: Problems) -> Classification:
    _label("label", label, problems)
    if score is None:
        return Classification(label=label)
    if not 0 <= score <= 1:
        problems.add("score", f"beside a label its probability, 0 to 1; got {score}")
    return Classification(label=label, probabilities=[LabelProbability(label=label, probability=score)])


def _check(output: Output, problems: Problems) -> None:
    match output.WhichOneof("kind"):
        case None:
            problems.add("output", "one of classification, regression, text, json, tensors and embedding")
        case "classification":
            _classes(output.classification, problems)
        case "json" if is_too_deep(output.json):
            problems.add("output.json", TOO_DEEP)
        case "regression":
            if not output.regression.values:
                problems.add("output.regression.values", "at least one value expected")
            _numbers("output.regression.values", output.regression.values, problems)
        case "embedding":
            _numbers("output.embedding.values", output.embedding.values, problems)


def _classes(classes: Classification, problems: Problems) -> None:
    path = "output.classification"
    _label(f"{path}.label", classes.label or (classes.rows[0].label if classes.rows else ""), problems)
    seen = set[str]()
    for place, each in enumerate(classes.probabilities):
        _label(f"{path}.probabilities[{place}].label", each.label, problems)
        if each.label in seen:
            said = f"{each.label[:40]!r} is given twice: a label has one probability"
            problems.add(f"{path}.probabilities[{place}].label", said)
        seen.add(each.label)
        _probability(f"{path}.probabilities[{place}].probability", each.probability, problems)
    for place, row in enumerate(classes.rows):
        _label(f"{path}.rows[{place}].label", row.label, problems)
        for column, value in enumerate(row.probabilities):
            _probability(f"{path}.rows[{place}].probabilities[{column}]", value, problems)


def _label(path: str, label: str, problems: Problems) -> None:
    if not 0 < len(label) <= LONGEST_LABEL:
        problems.add(path, f"1 to {LONGEST_LABEL} characters, got {len(label):,}")


def _probability(path: str, value: float, problems: Problems) -> None:
    if not 0 <= value <= 1:
        problems.add(path, f"0 to 1, got {value}")


def _numbers(path: str, values: Iterable[float], problems: Problems) -> None:
    for place, value in enumerate(values):
        if not math.isfinite(value):
            where = path if path == "score" else f"{path}[{place}]"
            problems.add(where, f"must be a finite number, got {value}")
            return
