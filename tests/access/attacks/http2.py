"""As much of HTTP/2 as it takes to send what no client library would."""

import asyncio
import struct
import zlib
from collections.abc import Sequence

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
END_STREAM, END_HEADERS = 1, 4
LARGEST_FRAME = 16_384

Header = tuple[bytes, bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def literal(header: Header) -> bytes:
    """A header without compression, its bytes as they are (RFC 7541, 6.2.2)."""
    return b"\x00" + b"".join(_length(len(part)) + part for part in header)


def _length(number: int) -> bytes:
    if number < 127:
        return bytes((number,))
    rest, written = number - 127, b"\x7f"
    while rest >= 128:
        written += bytes((rest % 128 + 128,))
        rest //= 128
    return written + bytes((rest,))


def asking(path: str, more: Sequence[Header] = ()) -> bytes:
    """The headers of a call, on stream 1."""
    told = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"suite"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        *more,
    ]
    return frame(HEADERS, END_HEADERS, 1, b"".join(map(literal, told)))


def saying(message: bytes, *, compressed: bool = False) -> bytes:
    """A message, and the end of the stream."""
    whole = bytes((compressed,)) + struct.pack(">I", len(message)) + message
    parts = [whole[start : start + LARGEST_FRAME] for start in range(0, len(whole), LARGEST_FRAME)]
    framed = [frame(DATA, END_STREAM * (part is parts[-1]), 1, part) for part in parts]
    return b"".join(framed)


def zeros(size: int) -> bytes:
    """So many of them, as gzip."""
    squeezing = zlib.compressobj(9, wbits=31)
    step = bytes(1 << 20)
    parts = [squeezing.compress(step) for _ in range(size // len(step))]
    return b"".join([*parts, squeezing.flush()])


async def sent(port: int, what: bytes, until: bytes) -> bytes:
    """What comes back, as far as it is awaited."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        writer.write(HELLO + frame(SETTINGS, 0, 0, b"") + what)
        async with asyncio.timeout(20):
            while until not in heard and (more := await reader.read(65_536)):
                heard += more
    finally:
        writer.transport.abort()
    return heard
