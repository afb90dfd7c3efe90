"""Truths of a table, whose cells do not say whether they are labels or numbers: what was predicted does."""

import math

from turnout.inference.v1.event_pb2 import PredictionEvent, Truth

from services.state.reports import closed_labels


def suited(truth: Truth, event: PredictionEvent) -> Truth:
    """The truth as what was predicted: a number of a number, one of the known labels of a label.

    Tables write whole numbers in many ways, so 1.0 is the label 1 where there is no label 1.0.
    """
    predicted, kind = event.output.WhichOneof("kind"), truth.WhichOneof("value")
    if predicted == "regression" and kind == "label":
        number = number_in(truth.label)
        return truth if number is None else Truth(number=number)
    if predicted == "classification" and kind in ("label", "number"):
        return Truth(label=_label(truth, event))
    return truth


def ambiguous(truth: Truth) -> bool:
    """Whether it may be a label as well as a number."""
    return truth.WhichOneof("value") == "number" or number_in(truth.label) is not None


def number_in(text: str) -> float | None:
    """A finite number that the text is; None where it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _label(truth: Truth, event: PredictionEvent) -> str:
    number = truth.number if truth.WhichOneof("value") == "number" else number_in(truth.label)
    written = [truth.label] if truth.label else []
    if number is not None and number.is_integer():
        written += [f"{number:.0f}", f"{number:.1f}"]
    elif number is not None:
        written.append(repr(number))
    known = closed_labels(event)
    return next((one for one in written if one in known), written[0])
