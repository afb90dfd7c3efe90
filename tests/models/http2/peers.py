"""Servers at the other end of a link: grpc's own, and one that says what a test wants said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from services.models.http2 import frames
from services.models.http2.headers import string
from services.models.http2.link import Link
from tests.waiting import eventually

PATH = "/inference.GRPCInferenceService/ModelInfer"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MOST_BYTES = 1024 * 1024
PREFACE_BYTES = 24

Behaviour = Callable[[bytes, Any], Awaitable[bytes]]
# (the peer, a stream that a request ended on) -> what it does about it.
Answer = Callable[["Peer", int], None]


@asynccontextmanager
async def serving(behaviour: Behaviour, **options: int) -> AsyncIterator[tuple[grpc.aio.Server, str]]:
    """grpc's own server, and its address."""
    server = grpc.aio.server(options=[(f"grpc.{name}", value) for name, value in options.items()])
    _, service, method = PATH.split("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(behaviour)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield server, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def linked(address: str) -> AsyncIterator[Link]:
    """A link that is open."""
    link = Link(address, PATH, MOST_BYTES)
    assert link.begin(b"", 1.0, TRACE) is None
    await eventually(lambda: link.open)
    try:
        yield link
    finally:
        await link.close(None)


class Peer(asyncio.Protocol):
    """Says its SETTINGS, and then what `answer` has it say when a request has ended."""

    def __init__(self, answer: Answer, settings: dict[int, int]) -> None:
        self.answer, self.settings = answer, settings
        self.seen: list[tuple[int, int, int, bytes]] = []
        self.transport: asyncio.Transport
        self._held = b""
        self._greeted = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(frames.settings(self.settings))

    def say(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Send a frame."""
        self.transport.write(frames.frame(kind, flags, stream, payload))

    def reply(self, stream: int, body: bytes = b"yes") -> None:
        """A whole reply."""
        self.say(frames.HEADERS, frames.END_HEADERS, stream, b"\x88")
        self.say(frames.DATA, 0, stream, b"\0" + frames.number(len(body)) + body)
        self.say(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, told("0"))

    def data_received(self, data: bytes) -> None:
        self._held += data
        if not self._greeted and len(self._held) >= PREFACE_BYTES:
            self._greeted, self._held = True, self._held[PREFACE_BYTES:]
        while self._greeted and len(self._held) >= frames.HEAD_BYTES:
            high, low, kind, flags, stream = frames.head_at(self._held, 0)
            end = frames.HEAD_BYTES + (high << 16 | low)
            if len(self._held) < end:
                return
            payload, self._held = self._held[frames.HEAD_BYTES : end], self._held[end:]
            self.seen.append((kind, flags, stream, payload))
            if kind == frames.DATA and flags & frames.END_STREAM:
                self.answer(self, stream)


def told(status: str, **more: str) -> bytes:
    """A block with a status."""
    headers = {"grpc-status": status, **{name.replace("_", "-"): value for name, value in more.items()}}
    return b"".join(b"\x00" + string(name) + string(value) for name, value in headers.items())


@asynccontextmanager
async def peering(answer: Answer, settings: dict[int, int] | None = None) -> AsyncIterator[tuple[Peer, str]]:
    """A peer for one connection, and its address."""
    peer = Peer(answer, settings or {})
    server = await asyncio.get_running_loop().create_server(lambda: peer, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield peer, f"{host}:{port}"
    finally:
        server.close()
        if hasattr(peer, "transport"):
            peer.transport.abort()
