"""Which labels an answer could have had, and what its truth therefore cannot be."""

import math
from collections.abc import Mapping

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent, Truth
from turnout.inference.v1.output_pb2 import Output

from services.foundation.nesting import DEEPEST
from services.state.reports import closed_labels, truth_faults, truth_misfits
from tests.nested import nested


def answered(*members: Mapping[str, float]) -> PredictionEvent:
    """A class, of models that gave these probabilities."""
    event = PredictionEvent(output=Output())
    event.output.classification.label = "yes"
    for place, chances in enumerate(members):
        classes = event.outputs.add(participant=place).output.classification
        classes.label = "yes"
        for label, probability in chances.items():
            classes.probabilities.add(label=label, probability=probability)
    return event


def fields(truth: Truth, event: PredictionEvent) -> list[str]:
    return [misfit.field for misfit in truth_misfits(truth, event)]


def test_the_labels_of_all_models_are_the_known_ones() -> None:
    assert closed_labels(answered({"yes": 0.7, "no": 0.3}, {"yes": 0.5, "maybe": 0.5})) == {
        "yes",
        "no",
        "maybe",
    }


@pytest.mark.parametrize(
    "members",
    [(), ({},), ({"yes": 1.0},), ({"yes": 0.6, "no": 0.2},), ({"yes": 0.7, "no": 0.3}, {})],
    ids=["none", "no probabilities", "one label", "the likeliest alone", "one model of two"],
)
def test_labels_that_not_every_model_tells_are_unknown(members: tuple[dict[str, float], ...]) -> None:
    assert closed_labels(answered(*members)) == frozenset()
    assert fields(Truth(label="cat"), answered(*members)) == []


def test_shares_of_a_vote_close_no_set() -> None:
    event = answered({})
    for label, share in {"yes": 2 / 3, "no": 1 / 3}.items():
        event.output.classification.probabilities.add(label=label, probability=share)
    assert fields(Truth(label="maybe"), event) == []


def test_a_label_outside_a_closed_set_is_told_the_set() -> None:
    event = answered({"yes": 0.7, "no": 0.3})
    assert fields(Truth(label="no"), event) == fields(Truth(text="no"), event) == []
    (misfit,) = truth_misfits(Truth(label="cat"), event)
    assert misfit.field == "truth.label"
    assert "'cat' is none of the prediction's classes no, yes" in misfit.description


def test_a_truth_is_of_the_predictions_kind() -> None:
    number = PredictionEvent(output=Output())
    number.output.regression.values.append(1.5)
    assert fields(Truth(label="yes"), number) == ["truth"]
    assert fields(Truth(number=2), number) == []
    assert fields(Truth(number=2), answered({})) == ["truth"]
    assert fields(Truth(text=""), answered({})) == ["truth.text"]
    assert fields(Truth(text="x" * 1024), answered({})) == []
    assert fields(Truth(text="x" * 1025), answered({})) == ["truth.text"]
    assert fields(Truth(number=2), PredictionEvent()) == []


@pytest.mark.parametrize(
    ("truth", "field"),
    [
        (Truth(), "truth"),
        (Truth(label=""), "truth.label"),
        (Truth(label="x" * 1025), "truth.label"),
        (Truth(number=math.nan), "truth.number"),
        (Truth(number=math.inf), "truth.number"),
        (Truth(json=nested(DEEPEST + 1)), "truth.json"),
    ],
    ids=lambda given: str(given)[:30],
)
def test_what_is_no_truth_of_anything(truth: Truth, field: str) -> None:
    assert [fault.field for fault in truth_faults(truth)] == [field]
    assert truth_faults(Truth(label="x" * 1024)) == []
    assert truth_faults(Truth(json=nested(DEEPEST))) == []
