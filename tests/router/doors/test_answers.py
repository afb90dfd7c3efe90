"""Answers that came in no tensors become named ones, raw or typed, and say the same either way."""

import json
import struct
from typing import Any

import pytest
from turnout.inference.v1.input_pb2 import TensorInput
from turnout.inference.v1.output_pb2 import Output

from services.models.datatypes import DATATYPES, decode
from services.router.doors.answers import answer_of

ONE = {
    "label": "yes",
    "probabilities": [{"label": "no", "probability": 0.25}, {"label": "yes", "probability": 0.75}],
}
ROWS = [{"label": "yes", "probabilities": [0.25, 0.75]}, {"label": "no", "probabilities": [0.5, 0.5]}]

CASES: list[tuple[dict[str, Any], dict[str, tuple[str, list[int], list[Any]]]]] = [
    ({"classification": {"label": "yes"}}, {"label": ("BYTES", [1], [b"yes"])}),
    (
        {"classification": ONE},
        {"label": ("BYTES", [1], [b"yes"]), "probabilities": ("FP64", [1, 2], [0.25, 0.75])},
    ),
    (
        {"classification": {**ONE, "rows": ROWS}},
        {"label": ("BYTES", [2], [b"yes", b"no"]), "probabilities": ("FP64", [2, 2], [0.25, 0.75, 0.5, 0.5])},
    ),
    (
        {"classification": {**ONE, "rows": [ROWS[0], {"label": "no"}]}},
        {"label": ("BYTES", [2], [b"yes", b"no"])},
    ),
    ({"regression": {"values": [1.5, -2.0]}}, {"value": ("FP64", [2], [1.5, -2.0])}),
    ({"text": {"content": "grüß"}}, {"text": ("BYTES", [1], ["grüß".encode()])}),
    ({"json": {"number_value": 3.0}}, {"json": ("BYTES", [1], [b"3.0"])}),
    (
        {"embedding": {"values": [1.0, 2.0, 3.0, 4.0], "dimension": 2}},
        {"embedding": ("FP32", [2, 2], [1.0, 2.0, 3.0, 4.0])},
    ),
    ({}, {}),
]


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize(("output", "wanted"), CASES)
def test_every_kind_of_answer_has_its_tensors(output: Any, wanted: Any, raw: bool) -> None:
    reply = answer_of(Output(**output), raw=raw)
    found = {}
    for index, tensor in enumerate(reply.outputs):
        kind = DATATYPES[tensor.datatype]
        values = (
            decode(kind, reply.raw_output_contents[index]) if raw else getattr(tensor.contents, kind.contents)
        )
        found[tensor.name] = (tensor.datatype, list(tensor.shape), list(values))
    assert found == wanted
    assert bool(reply.raw_output_contents) == (raw and bool(wanted))


def test_probabilities_say_whose_they_are() -> None:
    reply = answer_of(Output(classification=ONE), raw=True)
    assert json.loads(reply.outputs[1].parameters["class_order"].string_param) == ["no", "yes"]


def test_tensors_stay_as_they_are() -> None:
    given = TensorInput(raw_contents=[struct.pack("<2f", 1.0, 2.0)])
    given.tensors.add(name="logits", datatype="FP32", shape=[1, 2])
    reply = answer_of(Output(tensors=given), raw=True)
    assert [(one.name, list(one.shape)) for one in reply.outputs] == [("logits", [1, 2])]
    assert list(reply.raw_output_contents) == list(given.raw_contents)
