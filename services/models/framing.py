"""Protobuf's wire format, as far as assembling messages from parts that are already serialized needs it.

A message is the concatenation of its fields in any order, so what never changes is serialized once. And the
bytes of two messages of one type, one behind the other, are those of both merged: the later scalar counts,
repeated fields append, messages merge.
https://protobuf.dev/programming-guides/encoding/
"""

import struct
from functools import lru_cache

_DOUBLE = struct.Struct("<d").pack
_NANOS = struct.Struct("6B").pack
_SECOND = 1_000_000_000


def varint(number: int) -> bytes:
    """A non-negative integer, seven bits a byte, least significant first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_DOUBLE_HEADS = [varint(field << 3 | 1) for field in range(64)]


# Fields and lengths repeat from message to message: looking a header up takes a tenth of making it.
@lru_cache(4096)
def header(field: int, length: int) -> bytes:
    """What precedes `length` bytes of the length-delimited field number `field`."""
    return varint(field << 3 | 2) + varint(length)


# Most are short, and a place in a list is found in a fifth of the time of a cache's key.
_SHORT = [[header.__wrapped__(field, length) for length in range(128)] for field in range(32)]


def delimited(field: int, payload: bytes) -> bytes:
    """A length-delimited field: a string, bytes, or a message."""
    length = len(payload)
    return (_SHORT[field][length] if length < 128 and field < 32 else header(field, length)) + payload


def text(field: int, value: str) -> bytes:
    """A string; nothing where it is empty, as proto3 has it."""
    if not value:
        return b""
    # As `delimited`, without another call: ids and names are most of what is framed.
    raw = value.encode()
    length = len(raw)
    return (_SHORT[field][length] if length < 128 and field < 32 else header(field, length)) + raw


@lru_cache(256)
def number(field: int, value: int) -> bytes:
    """A non-negative integer or an enum of few values."""
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    """A double, 0 included."""
    return _DOUBLE_HEADS[field] + _DOUBLE(value)


def moment(nanoseconds: int) -> bytes:
    """The body of a Timestamp or of a Duration that is not negative: seconds = 1 and nanos = 2 in both."""
    # Most durations have no whole seconds, and need not say so.
    whole, nanos = (b"", nanoseconds) if nanoseconds < _SECOND else _whole(nanoseconds)
    # In five bytes whatever it is, in a third of the time: readers take a number's leading zeros.
    return whole + _NANOS(
        0x10,
        nanos & 0x7F | 0x80,
        nanos >> 7 & 0x7F | 0x80,
        nanos >> 14 & 0x7F | 0x80,
        nanos >> 21 & 0x7F | 0x80,
        nanos >> 28,
    )


def _whole(nanoseconds: int) -> tuple[bytes, int]:
    seconds, nanos = divmod(nanoseconds, _SECOND)
    return number(1, seconds), nanos
