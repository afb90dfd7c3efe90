"""Tensors as columns: of numbers, or of texts. What does not fit its own shape is left out."""

import math
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from turnout.inference.v1.input_pb2 import Tensor, TensorInput

_DTYPES = {
    "BOOL": "?", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1",
    "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
TEXT, LENGTH = "BYTES", Struct("<I")


def columns_of(tensors: TensorInput) -> dict[str, NDArray[Any]]:
    """The numeric tensors by name, as [rows, columns]."""
    found = {}
    for index, tensor in enumerate(tensors.tensors):
        raw = tensors.raw_contents[index] if index < len(tensors.raw_contents) else None
        values = _values(tensor, raw)
        if values is not None:
            found[tensor.name] = values
    return found


def texts_of(tensors: TensorInput) -> dict[str, list[str]]:
    """The tensors of texts by name, a text per row; those that travel as raw bytes are left out."""
    return {
        tensor.name: [one.decode(errors="replace") for one in tensor.contents.bytes_contents]
        for tensor in tensors.tensors
        if tensor.datatype == TEXT and len(tensor.contents.bytes_contents) == math.prod(tensor.shape)
    }


def text_columns_of(tensors: TensorInput, wanted: Callable[[str, int], bool]) -> dict[str, list[list[str]]]:
    """The tensors of texts by name, as columns of rows, however they travel; only those that are wanted, by
    name and how many columns they have."""
    found = {}
    for index, tensor in enumerate(tensors.tensors):
        size, rows = math.prod(tensor.shape), int(tensor.shape[0]) if tensor.shape else 0
        if tensor.datatype != TEXT or rows <= 0 or size <= 0 or not wanted(tensor.name, size // rows):
            continue
        raw = tensors.raw_contents[index] if index < len(tensors.raw_contents) else None
        words = tensor.contents.bytes_contents if raw is None else _words(raw)
        if len(words) == size:
            width = size // rows
            texts = [one.decode(errors="replace") for one in words]
            found[tensor.name] = [texts[column::width] for column in range(width)]
    return found


def _words(raw: bytes) -> Sequence[bytes]:
    """Raw texts, each behind its length; none where they are cut off."""
    at, found = 0, list[bytes]()
    while at < len(raw):
        begin = at + LENGTH.size
        if begin > len(raw) or (at := begin + LENGTH.unpack_from(raw, at)[0]) > len(raw):
            return []
        found.append(raw[begin:at])
    return found


def _values(tensor: Tensor, raw: bytes | None) -> NDArray[Any] | None:
    """The tensor as [rows, columns] of numbers; None if it holds none or does not fit its shape."""
    if tensor.datatype not in _DTYPES or not tensor.shape:
        return None
    try:
        values = _flat(tensor, raw)
    except ValueError:
        # Bytes that are no whole numbers, or texts: whoever sent them, the other rows are counted.
        return None
    rows = int(tensor.shape[0])
    # Not numpy's product, which wraps around.
    if rows <= 0 or values.size == 0 or values.size != math.prod(tensor.shape):
        return None
    return values.reshape(rows, -1)


def _flat(tensor: Tensor, raw: bytes | None) -> NDArray[Any]:
    if raw is not None:
        return np.frombuffer(raw, dtype=_DTYPES[tensor.datatype])
    filled = tensor.contents.ListFields()
    return np.array(filled[0][1] if filled else [], dtype=np.float64)
