"""How a record's columns become tensors. What does not change between calls is serialized when the model is
registered; a call only appends raw contents."""

import struct
from collections.abc import Mapping, Sequence
from typing import Protocol

from inference.open_inference_pb2 import ModelInferRequest

from services.models.columns import Cell, Column
from services.models.datatypes import Datatype, encode_bytes
from services.models.framing import delimited, header

RAW_CONTENTS = ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER
_Tensor = ModelInferRequest.InferInputTensor


# Tensors by name: their type, and the extents that follow the rows.
Expected = Mapping[str, tuple[Datatype, tuple[int, ...]]]


class Layout(Protocol):
    """`expected` are the tensors that the columns become."""

    @property
    def expected(self) -> Expected: ...

    def encode(self, cells: Sequence[Cell]) -> bytes:
        """One record, in the columns' order, as fields of a ModelInferRequest. Raises TypeError, struct.error
        or OverflowError on a cell that does not fit."""


class Stacked:
    """All columns in one tensor [rows, columns]."""

    def __init__(self, name: str, dtype: Datatype, width: int) -> None:
        self.expected: Expected = {name: (dtype, (width,))}
        tensor = _Tensor(name=name, datatype=dtype.name, shape=(1, width))
        self._head = ModelInferRequest(inputs=[tensor]).SerializeToString()
        if dtype.numeric:
            self._pack = struct.Struct(f"<{width}{dtype.code}").pack
            self._head += header(RAW_CONTENTS, width * dtype.size)
        self._numeric = dtype.numeric

    def encode(self, cells: Sequence[Cell]) -> bytes:
        if self._numeric:
            return self._head + self._pack(*cells)
        return self._head + delimited(RAW_CONTENTS, encode_bytes(cells))  # type: ignore[arg-type]


class PerColumn:
    """One tensor [rows, 1] per column, named like it."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.expected: Expected = {column.name: (column.dtype, (1,)) for column in columns}
        tensors = [_Tensor(name=c.name, datatype=c.dtype.name, shape=(1, 1)) for c in columns]
        self._head = ModelInferRequest(inputs=tensors).SerializeToString()
        self._packs = [_CellPacker(column.dtype) for column in columns]

    def encode(self, cells: Sequence[Cell]) -> bytes:
        packed = [pack(cell) for pack, cell in zip(self._packs, cells, strict=True)]
        return self._head + b"".join(packed)


class _CellPacker:
    """One cell as one entry of raw contents."""

    __slots__ = ("_head", "_pack")

    def __init__(self, dtype: Datatype) -> None:
        self._head = header(RAW_CONTENTS, dtype.size)
        self._pack = struct.Struct(f"<{dtype.code}").pack if dtype.numeric else None

    def __call__(self, cell: Cell) -> bytes:
        if self._pack is not None:
            return self._head + self._pack(cell)
        return delimited(RAW_CONTENTS, encode_bytes((cell,)))  # type: ignore[arg-type]
