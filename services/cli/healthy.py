"""`python -m services.cli.healthy HOST:PORT …` exits with 0 if one of these servers serves: for containers.

One is asked every few seconds in every container, so nothing is imported that takes long to: the question is
put into HTTP/2 frames by hand, for a tenth of the CPU that a gRPC client takes to start.
"""

import argparse
import asyncio
import ssl
import struct
import sys
from collections.abc import Sequence

SECONDS = 2.0
METHOD = b"/grpc.health.v1.Health/Check"
# HealthCheckRequest of the whole server, and HealthCheckResponse {status: SERVING}, as gRPC frames them.
WHOLE_SERVER, SERVING = b"\0\0\0\0\0", b"\0\0\0\0\2\x08\x01"

# RFC 9113, sections 3.4, 4.1 and 6.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4


async def healthy(address: str, tls: ssl.SSLContext | None = None) -> bool:
    """Whether the server answers, and says SERVING."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=tls)
            try:
                writer.write(_question(secure=tls is not None))
                return await _answer(reader) == SERVING
            finally:
                writer.close()
    # A connection that is cut, refused, or no HTTP/2 (or not our TLS) at its other end: nobody serves there.
    except (OSError, EOFError, TimeoutError):
        return False


def _question(*, secure: bool) -> bytes:
    """What a connection begins with, and the whole request."""
    # RFC 7541: fields of the static table by their number, the others as literals without Huffman's code.
    fields = b"\x83" + (b"\x87" if secure else b"\x86") + b"\x04" + _text(METHOD)
    fields += b"\x01" + _text(b"localhost") + b"\x0f\x10" + _text(b"application/grpc")
    fields += b"\0" + _text(b"te") + _text(b"trailers")
    parts = _frame(SETTINGS, 0, 0, b""), _frame(HEADERS, END_HEADERS, 1, fields)
    return b"".join((PREFACE, *parts, _frame(DATA, END_STREAM, 1, WHOLE_SERVER)))


def _text(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The message of the reply; empty where there is none. Raises EOFError."""
    while True:
        head = await reader.readexactly(9)
        size = int.from_bytes(head[:3])
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = await reader.readexactly(size)
        if kind == DATA and size:
            return payload
        if kind in (RST_STREAM, GOAWAY) or (stream and flags & END_STREAM):
            return b""


def context(authorities: str, shown: Sequence[str], *, unverified: bool) -> ssl.SSLContext:
    """How TLS is spoken: whom we trust, and which certificate we show. Raises OSError."""
    made = ssl.create_default_context(cafile=authorities or None)
    made.set_alpn_protocols(["h2"])
    if unverified:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if shown:
        made.load_cert_chain(*shown)
    return made


async def _any_healthy(addresses: Sequence[str], tls: ssl.SSLContext | None) -> bool:
    return any(await asyncio.gather(*(healthy(address, tls) for address in addresses)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 healthy, 1 not."""
    told = argparse.ArgumentParser(prog="healthy", description="exits with 0 if one of the servers serves")
    told.add_argument("addresses", nargs="+", metavar="HOST:PORT")
    told.add_argument("--tls", action="store_true", help="speak TLS")
    told.add_argument("--own", action="store_true", help="it is our own server: its certificate names others")
    told.add_argument("--authorities", default="", metavar="FILE", help="whose certificates are trusted")
    told.add_argument("--shown", default=(), nargs=2, metavar=("CHAIN", "KEY"), help="certificate to show")
    given = told.parse_args(arguments)
    tls = context(given.authorities, given.shown, unverified=given.own) if given.tls else None
    return 0 if asyncio.run(_any_healthy(given.addresses, tls)) else 1


if __name__ == "__main__":
    sys.exit(main())
