"""Protobuf's wire format, as far as assembling a request from parts that are already serialized needs it.

A message is the concatenation of its fields in any order, so what never changes is serialized once.
https://protobuf.dev/programming-guides/encoding/
"""


def varint(number: int) -> bytes:
    """A non-negative integer, seven bits a byte, least significant first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def header(field: int, length: int) -> bytes:
    """What precedes `length` bytes of the length-delimited field number `field`."""
    return varint(field << 3 | 2) + varint(length)


def delimited(field: int, payload: bytes) -> bytes:
    """A length-delimited field: a string, bytes, or a message."""
    return header(field, len(payload)) + payload
