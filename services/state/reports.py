"""What may be reported of a prediction, by whichever door it comes in: its id, its time, and the truth.

What is wrong is returned as violations, the field first, so that a door can name all of them at once.
"""

import math

from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.inference.v1.output_pb2 import Classification

from services.foundation.errors import FieldViolation
from services.foundation.nesting import DEEPEST, is_too_deep
from services.state import ids
from services.state.errors import RequestIdReused

# Clocks differ; an observation from farther ahead could never be corrected again.
OBSERVED_AHEAD_SECONDS = 86_400.0
# Nothing can be known of a prediction that is yet to be made: whoever says so has made its id up.
MADE_AHEAD_SECONDS = 60.0
LONGEST_ID = 128
LONGEST_LABEL = 1024
# How far probabilities over all labels there are may be from one.
ROUNDING = 0.01


def about_faults(prediction_id: str, row: int, feedback_id: str, now: float) -> list[FieldViolation]:
    """What is wrong with what a report is about. Raises BadPredictionId; `now` is in seconds since 1970."""
    if not prediction_id:
        return [FieldViolation("prediction_id", "is required: the id that a prediction's reply carried")]
    wrong = []
    if ids.time_of(prediction_id) > now + MADE_AHEAD_SECONDS:
        said = "must be of a prediction that was made; its time lies more than a minute ahead"
        wrong.append(FieldViolation("prediction_id", said))
    return [*wrong, *report_faults(row, feedback_id)]


def report_faults(row: int, feedback_id: str) -> list[FieldViolation]:
    """What is wrong with a report, whatever prediction it is about."""
    wrong = []
    if row < 0:
        wrong.append(FieldViolation("row", f"must be 0 or more, got {row}"))
    if len(feedback_id) > LONGEST_ID or not feedback_id.isprintable():
        said = f"must be at most {LONGEST_ID} characters without control characters"
        wrong.append(FieldViolation("feedback_id", said))
    return wrong


def id_reused(feedback_id: str) -> RequestIdReused:
    """The refusal of a report whose id came before with other content."""
    said = "came before with other content for this row and metric; nothing changed"
    wanted = "an id of its own for each report; a correction is another report, observed later"
    return RequestIdReused(
        f"feedback_id {feedback_id} {said}", fields=[("feedback_id", wanted)], feedback_id=feedback_id
    )


def time_faults(observed: float, now: float) -> list[FieldViolation]:
    """What is wrong with a time of observation; both in seconds since 1970."""
    if observed <= now + OBSERVED_AHEAD_SECONDS:
        return []
    return [FieldViolation("observed_at", "must not be more than a day ahead of the server's clock")]


def truth_faults(truth: Truth) -> list[FieldViolation]:
    """What is wrong with a truth, whatever was predicted."""
    kind = truth.WhichOneof("value")
    if kind is None:
        return [FieldViolation("truth", "is required: one of label, number, text or json")]
    if kind == "label" and not 0 < len(truth.label) <= LONGEST_LABEL:
        said = f"must have 1 to {LONGEST_LABEL} characters, got {len(truth.label)}"
        return [FieldViolation("truth.label", said)]
    if kind == "number" and not math.isfinite(truth.number):
        return [FieldViolation("truth.number", f"must be a finite number, got {truth.number}")]
    if kind == "json" and is_too_deep(truth.json):
        return [FieldViolation("truth.json", f"must be JSON of at most {DEEPEST} levels")]
    return []


def row_misfits(row: int, rows: int) -> list[FieldViolation]:
    """What is wrong with a row of a prediction that has `rows` of them."""
    if row < rows:
        return []
    return [FieldViolation("row", f"the prediction has rows 0 to {rows - 1}, got {row}")]


def truth_misfits(truth: Truth, event: PredictionEvent) -> list[FieldViolation]:
    """What a truth cannot be, given what was predicted. Of a prediction that failed it can be anything."""
    predicted, kind = event.output.WhichOneof("kind"), truth.WhichOneof("value")
    if predicted == "regression" and kind in ("label", "text"):
        return [FieldViolation("truth", "the prediction is a number, so its truth is a number")]
    if predicted != "classification":
        return []
    if kind not in ("label", "text"):
        return [FieldViolation("truth", "the prediction is a class, so its truth is a label")]
    label, known = getattr(truth, kind), closed_labels(event)
    if not label:
        return [
            FieldViolation(f"truth.{kind}", "is empty; the prediction is a class, so its truth is a label")
        ]
    if len(label) > LONGEST_LABEL:
        said = f"must have 1 to {LONGEST_LABEL} characters, as the prediction is a class; got {len(label):,}"
        return [FieldViolation(f"truth.{kind}", said)]
    if not known or label in known:
        return []
    said = f"{label[:100]!r} is none of the prediction's classes {', '.join(sorted(known)[:20])}"
    return [FieldViolation(f"truth.{kind}", said)]


def closed_labels(event: PredictionEvent) -> frozenset[str]:
    """Every label that the answer could have had; empty where that is not known.

    Only models know their classes: the shares of a vote are of the labels that were voted for. So it is known
    where each answer spreads a probability of one over two labels or more.
    """
    known: set[str] = set()
    for given in event.outputs:
        classes = given.output.classification
        if len(classes.probabilities) < 2 or abs(_sum(classes) - 1) > ROUNDING:
            return frozenset()
        known |= {classes.label, *(row.label for row in classes.rows)}
        known |= {each.label for each in classes.probabilities}
    return frozenset(known)


def _sum(classes: Classification) -> float:
    return math.fsum(each.probability for each in classes.probabilities)
