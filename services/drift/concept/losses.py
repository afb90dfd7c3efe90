"""The errors of each model that answered a prediction, from its record and the truths of its rows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import NamedTuple

from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.inference.v1.output_pb2 import Output

from services.drift.concept.watching import ABSOLUTE, ERROR, Observed
from services.state.answering import ANSWERING
from services.state.magnitudes import GREATEST


class Stream(NamedTuple):
    """What is watched of a model, by its name; by its uid, once that is known. Of rewards: the router's name,
    and the measure and which way is better."""

    model: str
    metric: str
    router: str = ""
    measure: str = ""


def answers(event: PredictionEvent) -> dict[str, Output]:
    """What each model answered; of one that did so twice, the first."""
    found: dict[str, Output] = {}
    for given in event.outputs:
        if 0 <= given.participant < len(event.manifest.participants):
            who = event.manifest.participants[given.participant]
            if who.role in ANSWERING:
                found.setdefault(who.model, given.output)
    return found


def observed(event: PredictionEvent, truths: Mapping[int, Truth]) -> dict[Stream, list[Observed]]:
    """Errors by model and metric, row by row."""
    found = defaultdict[Stream, list[Observed]](list)
    for model, output in sorted(answers(event).items()):
        for row in sorted(truths):
            for metric, value in _errors(output, row, max(event.rows, 1), truths[row]):
                found[Stream(model, metric)].append(Observed(event.manifest.prediction_id, value))
    return found


def _errors(output: Output, row: int, rows: int, truth: Truth) -> Iterator[tuple[str, float]]:
    kind, said = output.WhichOneof("kind"), truth.WhichOneof("value")
    if kind == "classification" and said in ("label", "text"):
        labels = [one.label for one in output.classification.rows] or [output.classification.label]
        if row < len(labels) and labels[row]:
            yield ERROR, float(labels[row] != (truth.label if said == "label" else truth.text))
    elif kind == "regression" and said == "number":
        values = output.regression.values
        # As many numbers as rows, or a vector for each: then none of them is the answer.
        if len(values) == rows and row < rows and isfinite(values[row] - truth.number):
            yield ABSOLUTE, min(abs(values[row] - truth.number), GREATEST)
