"""Reading the output tensors of a reply by name, whichever way their contents travel."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from inference.open_inference_pb2 import ModelInferResponse

from services.models.answer import malformed
from services.models.datatypes import DATATYPES, decode

# A tensor's elements in row-major order, how many of them belong to each row, and their datatype.
Elements: TypeAlias = tuple[Sequence[Any], int, str]

# The elements of a named tensor of a reply; raises CallFailed when there is no such tensor.
Tensors = Callable[[str], Elements]


def parsed_tensors(reply: ModelInferResponse, rows: int) -> Tensors:
    """The tensors of a reply to a request of `rows` rows. Reading one raises CallFailed when it is not there,
    or not what its own description says."""
    outputs = list(reply.outputs)

    def read(name: str) -> Elements:
        for index, tensor in enumerate(outputs):
            if tensor.name == name:
                return _elements(reply, index, tensor, rows)
        had = ", ".join(f"'{tensor.name}'" for tensor in outputs) or "none"
        raise malformed(f"no tensor '{name}'; it has {had}")

    return read


def _elements(
    reply: ModelInferResponse, index: int, tensor: ModelInferResponse.InferOutputTensor, rows: int
) -> Elements:
    kind = DATATYPES.get(tensor.datatype)
    if kind is None:
        raise malformed(f"tensor '{tensor.name}' has the unknown type '{tensor.datatype}'")
    # By the protocol raw contents are there for every tensor or for none.
    raw = reply.raw_output_contents
    if raw:
        if len(raw) != len(reply.outputs):
            raise malformed(f"{len(reply.outputs)} tensors with {len(raw)} raw contents")
        try:
            values = decode(kind, raw[index])
        except ValueError as wrong:
            raise malformed(f"tensor '{tensor.name}': {wrong}") from None
    else:
        values = getattr(tensor.contents, kind.contents) if kind.contents else ()
    shape = list(tensor.shape)
    if math.prod(shape) != len(values) or not values:
        raise malformed(f"tensor '{tensor.name}' of shape {shape} has {len(values)} elements")
    if not shape or shape[0] != rows:
        raise malformed(f"tensor '{tensor.name}' has shape {shape} for {rows} rows")
    if sum(extent != 1 for extent in shape[1:]) > 1:
        # Such as a vector per token: flattened, it would pass for one of another dimension.
        raise malformed(f"tensor '{tensor.name}' has shape {shape}; [rows] or [rows, values] expected")
    return values, len(values) // rows, kind.name
