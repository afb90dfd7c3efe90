"""Answers that came in no tensors (a jury's, a chat's) as named tensors; docs/open-inference.md has the
table."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from inference.open_inference_pb2 import ModelInferResponse
from turnout.inference.v1.output_pb2 import Classification, Output

from services.models.datatypes import DATATYPES, encode_bytes, encode_numbers

LABEL, PROBABILITIES, VALUE, TEXT, JSON, EMBEDDING = (
    "label",
    "probabilities",
    "value",
    "text",
    "json",
    "embedding",
)


class Tensors:
    """A reply that is filled tensor by tensor, with raw or with typed contents."""

    def __init__(self, raw: bool) -> None:
        self.reply = ModelInferResponse()
        self._raw = raw

    def add(self, name: str, datatype: str, shape: Sequence[int], values: Sequence[Any], **told: str) -> None:
        """One tensor; `told` are its parameters."""
        kind = DATATYPES[datatype]
        output = self.reply.outputs.add(name=name, datatype=datatype, shape=shape)
        for key, value in told.items():
            output.parameters[key].string_param = value
        if self._raw:
            encoded = encode_numbers(kind, values) if kind.numeric else encode_bytes(values)
            self.reply.raw_output_contents.append(encoded)
        else:
            getattr(output.contents, kind.contents).extend(values)


def answer_of(output: Output, *, raw: bool) -> ModelInferResponse:
    """An Output as the outputs of a ModelInferResponse."""
    if output.HasField("tensors"):
        # Field by field the same, tensor by tensor.
        reply = ModelInferResponse(raw_output_contents=output.tensors.raw_contents)
        for tensor in output.tensors.tensors:
            reply.outputs.add().MergeFromString(tensor.SerializeToString())
        return reply
    tensors = Tensors(raw)
    if kind := output.WhichOneof("kind"):
        _WRITERS[kind](output, tensors)
    return tensors.reply


def _classification(output: Output, tensors: Tensors) -> None:
    found: Classification = output.classification
    labels = [row.label for row in found.rows] or [found.label]
    tensors.add(LABEL, "BYTES", [len(labels)], [label.encode() for label in labels])
    classes = [one.label for one in found.probabilities]
    if not classes:
        return
    chances = [value for row in found.rows for value in row.probabilities] or [
        one.probability for one in found.probabilities
    ]
    # A jury may know the chances of some rows only; half a matrix is none.
    if len(chances) == len(labels) * len(classes):
        order = json.dumps(classes, ensure_ascii=False)
        tensors.add(PROBABILITIES, "FP64", [len(labels), len(classes)], chances, class_order=order)


def _regression(output: Output, tensors: Tensors) -> None:
    values = output.regression.values
    tensors.add(VALUE, "FP64", [len(values)], values)


def _text(output: Output, tensors: Tensors) -> None:
    tensors.add(TEXT, "BYTES", [1], [output.text.content.encode()])


def _json(output: Output, tensors: Tensors) -> None:
    said = json.dumps(MessageToDict(output.json), separators=(",", ":"), ensure_ascii=False)
    tensors.add(JSON, "BYTES", [1], [said.encode()])


def _embedding(output: Output, tensors: Tensors) -> None:
    found = output.embedding
    width = found.dimension or len(found.values)
    tensors.add(EMBEDDING, "FP32", [len(found.values) // max(1, width), width], found.values)


_WRITERS: dict[str, Callable[[Output, Tensors], None]] = {
    "classification": _classification,
    "regression": _regression,
    "text": _text,
    "json": _json,
    "embedding": _embedding,
}
