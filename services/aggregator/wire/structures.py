"""Structures, tool calls, tensors and embeddings: from outputs, and back."""

import math
from typing import Any

import numpy as np
from google.protobuf.json_format import MessageToDict, ParseDict
from numpy.typing import NDArray
from turnout.inference.v1.input_pb2 import Tensor, TensorInput
from turnout.inference.v1.output_pb2 import Embedding, Output, TextOutput

from services.aggregator.answers import Calls, Structure, Tensors, ToolCall, Vectors
from services.aggregator.canonical import NotJson, key_of, parse
from services.aggregator.errors import Unreadable
from services.models.datatypes import DATATYPES, decode, encode_bytes

# By the protocol's name; BYTES are objects.
DTYPES: dict[str, np.dtype[Any]] = {
    kind.name: np.dtype(f"<{kind.code}" if kind.numeric else object) for kind in DATATYPES.values()
}


def read_structure(output: Output) -> Structure:
    """Raises Unreadable for what is no JSON value."""
    if output.json.WhichOneof("kind") is None:
        raise Unreadable("json", "a JSON value expected, got none; null is one too")
    try:
        return Structure(MessageToDict(output.json))
    except NotJson as wrong:
        raise Unreadable("json", f"JSON expected: {wrong}") from wrong
    except ValueError as wrong:
        # Of protobuf, which tells of its own fields.
        raise Unreadable("json", "JSON expected, which has no NaN and no infinity") from wrong


def read_calls(text: TextOutput) -> Calls:
    """Raises Unreadable for a call without a name, or whose arguments are no JSON. None are an empty object,
    as models write it for functions without parameters."""
    found = []
    for index, call in enumerate(text.tool_calls):
        path = f"text.tool_calls[{index}]"
        if not call.name:
            raise Unreadable(f"{path}.name", "is required")
        try:
            found.append(ToolCall(call.name, parse(call.arguments or "{}")))
        except NotJson as wrong:
            raise Unreadable(f"{path}.arguments", str(wrong)) from wrong
    return Calls(tuple(found))


def read_vectors(given: Embedding) -> Vectors:
    """Raises Unreadable for vectors that are not of one length, or hold NaN."""
    values = np.array(given.values, dtype=np.float64)
    if given.dimension < 1 or not len(values) or len(values) % given.dimension:
        said = f"whole vectors of the dimension expected, got {len(values)} values for {given.dimension}"
        raise Unreadable("embedding.values", said)
    if not np.all(np.isfinite(values)):
        raise Unreadable("embedding.values", "finite numbers expected")
    return Vectors(values.reshape(-1, given.dimension))


def read_tensors(given: TensorInput) -> Tensors:
    """Raises Unreadable for contents that do not fit their type and shape."""
    if given.raw_contents and len(given.raw_contents) != len(given.tensors):
        said = f"one per tensor expected, {len(given.tensors)} in all; got {len(given.raw_contents)}"
        raise Unreadable("tensors.raw_contents", said)
    names = [tensor.name for tensor in given.tensors]
    if len(set(names)) < len(names):
        raise Unreadable("tensors.tensors", f"each name once expected, got {names[:10]}")
    raw = given.raw_contents or [None] * len(names)
    return Tensors({tensor.name: _array(tensor, own) for tensor, own in zip(given.tensors, raw, strict=True)})


def write_structure(answer: Structure) -> Output:
    """As a JSON value."""
    output = Output()
    # A Value takes any JSON, not objects only as the stub says.
    value: Any = answer.value
    ParseDict(value, output.json)
    return output


def write_calls(answer: Calls) -> Output:
    """As a text without words; the calls have ids of their own, as whoever answers them needs one."""
    text = TextOutput(finish_reason="tool_calls")
    for index, call in enumerate(answer.calls):
        text.tool_calls.add(id=f"call_{index}", name=call.name, arguments=key_of(call.arguments))
    return Output(text=text)


def write_vectors(answer: Vectors) -> Output:
    """Row by row."""
    values = answer.values
    return Output(embedding=Embedding(values=values.ravel(), dimension=values.shape[1]))


def write_tensors(answer: Tensors) -> Output:
    """With raw contents."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    message = TensorInput()
    for name, array in answer.tensors.items():
        kind = array.dtype.newbyteorder("<")
        # Of objects numpy would give the addresses.
        raw = encode_bytes(array.ravel()) if kind.hasobject else array.astype(kind).tobytes()
        message.tensors.add(name=name, datatype=names[kind], shape=array.shape)
        message.raw_contents.append(raw)
    return Output(tensors=message)


def _array(tensor: Tensor, raw: bytes | None) -> NDArray[Any]:
    path = f"tensors.{tensor.name}"
    kind = DATATYPES.get(tensor.datatype)
    if kind is None:
        raise Unreadable(path, f"one of {', '.join(DATATYPES)} expected, got '{tensor.datatype}'")
    dtype, shape = DTYPES[kind.name], tuple(tensor.shape)
    try:
        if raw is None:
            flat = np.array(getattr(tensor.contents, kind.contents) if kind.contents else (), dtype=dtype)
        else:
            flat = np.frombuffer(raw, dtype) if kind.numeric else np.array(decode(kind, raw), dtype=dtype)
    except (ValueError, OverflowError) as wrong:
        raise Unreadable(path, f"contents of {kind.name} expected: {wrong}") from wrong
    if min(shape, default=1) < 0 or math.prod(shape) != len(flat):
        raise Unreadable(path, f"shape {list(shape)} has {math.prod(shape)} elements, got {len(flat)}")
    try:
        return flat.reshape(shape)
    except ValueError as wrong:
        # No elements, and of one kind of them more than there are addresses.
        raise Unreadable(path, f"a shape that fits into memory expected, got {list(shape)}") from wrong
