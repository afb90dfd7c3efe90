"""Frames of HTTP/2 (RFC 9113): nine bytes of length, kind, flags and stream, then the payload."""

import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 7, 8, 11
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 3, 4, 5

# What holds until a peer's SETTINGS say something else.
WINDOW, FRAME_BYTES, TABLE_BYTES = 65_535, 16_384, 4_096
MOST = 2**31 - 1

_HEAD = struct.Struct(">BHBBI")
_SETTING = struct.Struct(">HI")
_MESSAGE = struct.Struct(">BHBBIBI")
_NUMBER = struct.Struct(">I")
HEAD_BYTES = _HEAD.size
head_at = _HEAD.unpack_from


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    length = len(payload)
    return _HEAD.pack(length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def number(value: int) -> bytes:
    """The payload of a WINDOW_UPDATE or of a RST_STREAM."""
    return _NUMBER.pack(value)


def number_of(payload: bytes, at: int = 0) -> int:
    """And back; 31 bits. Raises struct.error for what is too short."""
    return int(_NUMBER.unpack_from(payload, at)[0]) & MOST


def request(stream: int, block: bytes, body: bytes) -> bytes:
    """A stream of one HEADERS frame and one DATA frame, which carries a gRPC message."""
    head, size = len(block), len(body) + 5
    return b"".join(
        (
            _HEAD.pack(head >> 16, head & 0xFFFF, HEADERS, END_HEADERS, stream),
            block,
            _MESSAGE.pack(size >> 16, size & 0xFFFF, DATA, END_STREAM, stream, 0, len(body)),
            body,
        )
    )


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*one) for one in values.items()))


def settings_of(payload: bytes) -> dict[int, int]:
    """What a SETTINGS frame says. Raises struct.error for what is no list of settings."""
    return dict(_SETTING.iter_unpack(payload))


def unpadded(payload: bytes, flags: int) -> bytes:
    """The payload of a DATA or HEADERS frame without padding and priority. Raises ValueError."""
    if flags & PADDED:
        if not payload or payload[0] >= len(payload):
            raise ValueError("more padding than payload")
        payload = payload[1 : len(payload) - payload[0]]
    return payload[5:] if flags & PRIORITY else payload
