"""Tensors that arrive as the Open Inference Protocol carries them pass through: names, types, shapes and
lengths are checked, values are neither decoded nor copied one by one."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from inference.open_inference_pb2 import ModelInferRequest
from turnout.inference.v1.input_pb2 import Tensor, TensorInput

from services.models.datatypes import DATATYPES, Datatype
from services.models.framing import delimited
from services.models.layouts import RAW_CONTENTS, Expected
from services.models.problems import Problems

_INPUTS = ModelInferRequest.INPUTS_FIELD_NUMBER


class Passed(NamedTuple):
    """Fields of a ModelInferRequest, and the number of rows they carry."""

    fields: bytes
    rows: int


def pass_through(given: TensorInput, expected: Expected, problems: Problems) -> Passed:
    """Reframe tensors for the model. An empty `expected` takes any names and shapes."""
    tensors, raw = given.tensors, given.raw_contents
    names = [tensor.name for tensor in tensors]
    if not tensors:
        problems.add("input.tensors.tensors", "at least one tensor expected")
        return Passed(b"", 0)
    if raw and len(raw) != len(tensors):
        problems.add(
            "input.tensors.raw_contents",
            f"one entry per tensor expected ({len(tensors)}), got {len(raw)}",
        )
        return Passed(b"", 0)
    # Missing ones first: a wrong name further down is then easier to understand.
    for name in expected:
        if name not in names:
            problems.add("input.tensors.tensors", f"the tensor '{name}' is missing")
    for index, tensor in enumerate(tensors):
        path = f"input.tensors.tensors[{index}]"
        if names.index(tensor.name) != index:
            problems.add(f"{path}.name", f"'{tensor.name}' is given twice")
        _check(tensor, raw[index] if raw else None, expected, path, problems)
    rows = {tensor.shape[0] for tensor in tensors if tensor.shape}
    if len(rows) > 1:
        problems.add("input.tensors.tensors", f"the same number of rows in each expected, got {sorted(rows)}")
    return Passed(b"" if problems else _reframe(tensors, raw), min(rows, default=0))


def _check(tensor: Tensor, raw: bytes | None, expected: Expected, path: str, problems: Problems) -> None:
    kind = DATATYPES.get(tensor.datatype)
    if kind is None:
        problems.add(f"{path}.datatype", f"one of {', '.join(DATATYPES)} expected, got '{tensor.datatype}'")
        return
    if expected and tensor.name not in expected:
        problems.add(f"{path}.name", f"one of {sorted(expected)} expected, got '{tensor.name}'")
        return
    if not tensor.shape or min(tensor.shape) < 0 or tensor.shape[0] == 0:
        problems.add(f"{path}.shape", f"at least one row expected, got {list(tensor.shape)}")
        return
    if expected:
        _check_form(tensor, kind, *expected[tensor.name], path, problems)
    _check_length(tensor, kind, raw, path, problems)


def _check_form(
    tensor: Tensor, kind: Datatype, dtype: Datatype, tail: tuple[int, ...], path: str, problems: Problems
) -> None:
    if kind is not dtype:
        problems.add(f"{path}.datatype", f"{dtype.name} expected, got {kind.name}")
    # A column [rows, 1] may also be written [rows].
    if tuple(tensor.shape[1:]) not in ((tail, ()) if tail == (1,) else (tail,)):
        wanted = ", ".join(["rows", *map(str, tail)])
        problems.add(f"{path}.shape", f"[{wanted}] expected, got {list(tensor.shape)}")


def _check_length(tensor: Tensor, kind: Datatype, raw: bytes | None, path: str, problems: Problems) -> None:
    size = math.prod(tensor.shape)
    if raw is not None:
        if tensor.HasField("contents"):
            problems.add(f"{path}.contents", "either contents or raw_contents expected, got both")
        # The length of BYTES elements is their own business; the model server reads them.
        if kind.numeric and len(raw) != size * kind.size:
            told = f"{size * kind.size} bytes expected for {list(tensor.shape)} {kind.name}, got {len(raw)}"
            problems.add(path.replace("].", "]").replace("tensors[", "raw_contents["), told)
        return
    if not kind.contents:
        problems.add(f"{path}.contents", f"{kind.name} travels in raw_contents only")
        return
    count = len(getattr(tensor.contents, kind.contents))
    if count != size:
        problems.add(f"{path}.contents.{kind.contents}", f"{size} values expected, got {count}")


def _reframe(tensors: Sequence[Tensor], raw: Sequence[bytes]) -> bytes:
    parts = []
    for tensor in tensors:
        # Fields we do not know are the protocol's parameters, among them shared memory regions of the server.
        tensor.DiscardUnknownFields()
        parts.append(delimited(_INPUTS, tensor.SerializeToString()))
    parts += [delimited(RAW_CONTENTS, content) for content in raw]
    return b"".join(parts)
