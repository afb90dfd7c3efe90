"""The tensor types of the Open Inference Protocol, and their elements in bytes.

Raw contents are row-major and little-endian; a BYTES element is four bytes of length and then itself.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Datatype(NamedTuple):
    """`code` is the element's letter in `struct`, `size` its bytes; both are empty for BYTES. `contents` is
    the typed field that carries it, empty where only raw contents can."""

    name: str
    code: str
    size: int
    contents: str
    bounds: tuple[int, int] | None = None

    @property
    def numeric(self) -> bool:
        return self.code != ""


def _integer(name: str, code: str, bits: int, contents: str) -> Datatype:
    low = -(1 << (bits - 1)) if name.startswith("I") else 0
    return Datatype(name, code, bits // 8, contents, (low, low + (1 << bits) - 1))


DATATYPES: dict[str, Datatype] = {
    kind.name: kind
    for kind in (
        Datatype("BOOL", "?", 1, "bool_contents", (0, 1)),
        _integer("INT8", "b", 8, "int_contents"),
        _integer("INT16", "h", 16, "int_contents"),
        _integer("INT32", "i", 32, "int_contents"),
        _integer("INT64", "q", 64, "int64_contents"),
        _integer("UINT8", "B", 8, "uint_contents"),
        _integer("UINT16", "H", 16, "uint_contents"),
        _integer("UINT32", "I", 32, "uint_contents"),
        _integer("UINT64", "Q", 64, "uint64_contents"),
        Datatype("FP16", "e", 2, ""),
        Datatype("FP32", "f", 4, "fp32_contents"),
        Datatype("FP64", "d", 8, "fp64_contents"),
        Datatype("BYTES", "", 0, "bytes_contents"),
    )
}


def encode_numbers(kind: Datatype, values: Sequence[float]) -> bytes:
    """Numbers as raw contents. Raises struct.error or OverflowError where one does not fit."""
    return struct.pack(f"<{len(values)}{kind.code}", *values)


def encode_bytes(values: Iterable[bytes]) -> bytes:
    """BYTES elements as raw contents."""
    return b"".join(part for value in values for part in (struct.pack("<I", len(value)), value))


def decode(kind: Datatype, raw: bytes) -> Sequence[Any]:
    """The elements of raw contents: numbers, or bytes. Raises ValueError when the length is impossible."""
    if not kind.numeric:
        return _decode_bytes(raw)
    count, rest = divmod(len(raw), kind.size)
    if rest:
        raise ValueError(f"{len(raw)} bytes are not a whole number of {kind.name} elements")
    return struct.unpack(f"<{count}{kind.code}", raw)


def _decode_bytes(raw: bytes) -> list[bytes]:
    # struct cannot say "a length and so many bytes", hence the walk.
    elements, at = [], 0
    while at < len(raw):
        start = at + 4
        at = start + int.from_bytes(raw[at:start], "little")
        if at > len(raw) or start > len(raw):
            raise ValueError("a BYTES element is longer than its tensor")
        elements.append(raw[start:at])
    return elements
