"""One connection: calls go out and come back, each on a stream of its own."""

import asyncio
import math
import struct
from collections.abc import Callable
from typing import cast

from services.models.http2 import frames
from services.models.http2.alarm import Alarm
from services.models.http2.exchange import Exchange
from services.models.http2.headers import WrongBlock, first_block, later_block, named, read
from services.models.http2.outcome import Ended, Status, Unprocessed, reset

# Whoever sends us as much as this gets room for as much again.
CREDIT = 1 << 24
# Blocks are repeated; a server that never repeats one must not fill our memory.
MOST_BLOCKS = 64
AGENT = ("user-agent", "turnout")
# The header has eight digits.
MOST_MILLISECONDS = 99_999_999
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# The names in the table that vary, by how many entries came after them; none of their values is added.
_TIMEOUT, _TRACE = named(1), named(0)
_LOST = Status("UNAVAILABLE", "the connection was closed before it had answered")


class Session(asyncio.Protocol):
    """`open` from the server's first SETTINGS on, until something says that no more calls shall begin here.

    `path` is the method that all calls are of; a reply may have `most_bytes`.
    """

    def __init__(self, path: str, authority: str, most_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        self.open = False
        self.ready: asyncio.Future[None] = loop.create_future()
        self.calls: dict[int, Exchange] = {}
        self.heard = 0.0
        self._loop, self._most_bytes = loop, most_bytes
        self._transport: asyncio.Transport | None = None
        self._fixed = [(":authority", authority), (":path", path)]
        self._fixed += [("content-type", "application/grpc"), ("te", "trailers"), AGENT]
        self._head = b""
        self._next = 1
        self._rest = b""
        self._block: tuple[int, int, bytes] | None = None
        self._blocks: dict[bytes, dict[str, str]] = {}
        self._room, self._stream_room = frames.WINDOW, frames.WINDOW
        self._frame_bytes, self._most_calls = frames.FRAME_BYTES, math.inf
        self._received = 0
        self._paused = False
        self._alarm = Alarm(self.calls, loop)
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            frames.DATA: self._data,
            frames.HEADERS: self._headers,
            frames.RST_STREAM: self._reset,
            frames.SETTINGS: self._settings,
            frames.PING: self._ping,
            frames.GOAWAY: self._goaway,
            frames.WINDOW_UPDATE: self._window,
            frames.CONTINUATION: self._continuation,
        }

    def begin(self, body: bytes, seconds: float, trace: str) -> Exchange | None:
        """Send a request; None if it does not fit here now. `trace` is its traceparent."""
        size = len(body) + 5
        fits = size <= self._frame_bytes and size <= self._stream_room and size <= self._room
        if not (self.open and fits) or self._paused or len(self.calls) >= self._most_calls:
            return None
        assert self._transport is not None  # noqa: S101 - it is open
        stream, self._next = self._next, self._next + 2
        self.open = stream < frames.MOST - 2
        self._room -= size
        # The server gives up no earlier than we do.
        timeout = b"%dm" % min(math.ceil(seconds * 1e3), MOST_MILLISECONDS)
        block = self._later(timeout, trace.encode()) if self._head else self._first(timeout, trace)
        self._transport.write(frames.request(stream, block, body))
        made = self.calls[stream] = Exchange(self, stream, seconds, self._loop)
        self._alarm.watch(made)
        return made

    def _later(self, timeout: bytes, trace: bytes) -> bytes:
        # Both are shorter than 127 bytes, so each has a length of one.
        return b"%b%b%c%b%b%c%b" % (self._head, _TIMEOUT, len(timeout), timeout, _TRACE, len(trace), trace)

    def _first(self, timeout: bytes, trace: str) -> bytes:
        # The first block makes the table that all others refer to.
        self._head = later_block(len(self._fixed), ("grpc-timeout", "traceparent"))
        return first_block([*self._fixed, ("grpc-timeout", timeout.decode()), ("traceparent", trace)])

    def drop(self, stream: int) -> None:
        """Nobody waits for the call any more."""
        if self._taken(stream) is not None:
            self._send(frames.RST_STREAM, 0, stream, frames.number(frames.CANCEL))

    def close(self) -> None:
        """End the connection, and with it what is in flight."""
        self.open = False
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A stream's is an asyncio.Transport in all but name: uvloop's does not inherit from it.
        self._transport = made = cast("asyncio.Transport", transport)
        told = {frames.HEADER_TABLE_SIZE: 0, frames.ENABLE_PUSH: 0, frames.INITIAL_WINDOW_SIZE: frames.MOST}
        made.write(_PREFACE + frames.settings(told))
        self._send(frames.WINDOW_UPDATE, 0, 0, frames.number(frames.MOST - frames.WINDOW))

    def connection_lost(self, _error: Exception | None) -> None:
        self.open = False
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(_LOST.message))
        self._alarm.stop()
        while self.calls:
            self.calls.popitem()[1].fail(Ended(_LOST))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def data_received(self, data: bytes) -> None:
        self.heard = self._loop.time()
        data, at = self._rest + data if self._rest else data, 0
        try:
            while len(data) - at >= frames.HEAD_BYTES:
                high, low, kind, flags, stream = frames.head_at(data, at)
                start = at + frames.HEAD_BYTES
                stop = start + (high << 16 | low)
                if stop - start > frames.FRAME_BYTES:
                    raise ValueError("a frame larger than we allow")
                if stop > len(data):
                    break
                at = stop
                handle = self._handlers.get(kind)
                if handle is not None:
                    handle(flags, stream & frames.MOST, data[start:stop])
            self._rest = data[at:]
        except (ValueError, IndexError, struct.error, WrongBlock):
            # Whatever speaks there, it is not what we took it for.
            self._send(frames.GOAWAY, 0, 0, frames.number(0) + frames.number(frames.PROTOCOL_ERROR))
            self.close()

    def _data(self, flags: int, stream: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received >= CREDIT:
            self._send(frames.WINDOW_UPDATE, 0, 0, frames.number(self._received))
            self._received = 0
        call = self.calls.get(stream)
        if call is None:
            return
        call.add(frames.unpadded(payload, flags & frames.PADDED) if flags & frames.PADDED else payload)
        if call.size > self._most_bytes + 5:
            self.drop(stream)
            said = f"Received message larger than max ({call.size} vs. {self._most_bytes})"
            call.fail(Ended(Status("RESOURCE_EXHAUSTED", said)))
        elif flags & frames.END_STREAM:
            self._end(stream, {})

    def _headers(self, flags: int, stream: int, payload: bytes) -> None:
        block = frames.unpadded(payload, flags)
        if not flags & frames.END_HEADERS:
            self._block = flags, stream, block
        else:
            self._told(flags, stream, block)

    def _continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if self._block is None or self._block[1] != stream or len(self._block[2]) > CREDIT:
            raise ValueError("a continuation of nothing")
        first, stream, block = self._block
        self._block = first, stream, block + payload
        if flags & frames.END_HEADERS:
            self._block = None
            self._told(first, stream, block + payload)

    def _told(self, flags: int, stream: int, block: bytes) -> None:
        told = self._blocks.get(block)
        if told is None:
            told = read(block)
            if len(self._blocks) < MOST_BLOCKS:
                self._blocks[block] = told
        if flags & frames.END_STREAM:
            self._end(stream, told)

    def _end(self, stream: int, headers: dict[str, str]) -> None:
        call = self._taken(stream)
        if call is not None:
            call.end(headers)

    def _taken(self, stream: int) -> Exchange | None:
        call = self.calls.pop(stream, None)
        if not self.open and not self.calls:
            self._loop.call_soon(self.close)
        return call

    def _reset(self, _flags: int, stream: int, payload: bytes) -> None:
        error = frames.number_of(payload)
        call = self._taken(stream)
        if call is not None:
            call.fail(Unprocessed() if error == frames.REFUSED_STREAM else Ended(reset(error)))

    def _settings(self, flags: int, _stream: int, payload: bytes) -> None:
        if flags & frames.ACK:
            return
        told = frames.settings_of(payload)
        self._send(frames.SETTINGS, frames.ACK, 0, b"")
        self._stream_room = told.get(frames.INITIAL_WINDOW_SIZE, self._stream_room)
        self._frame_bytes = min(told.get(frames.MAX_FRAME_SIZE, self._frame_bytes), CREDIT)
        self._most_calls = told.get(frames.MAX_CONCURRENT_STREAMS, self._most_calls)
        if told.get(frames.HEADER_TABLE_SIZE, frames.TABLE_BYTES) < frames.TABLE_BYTES:
            raise ValueError("a table too small for what we put into it")
        if not self.ready.done():
            self.open = True
            self.ready.set_result(None)

    def _ping(self, flags: int, _stream: int, payload: bytes) -> None:
        if not flags & frames.ACK:
            self._send(frames.PING, frames.ACK, 0, payload)

    def _goaway(self, _flags: int, _stream: int, payload: bytes) -> None:
        self.open = False
        last = frames.number_of(payload)
        for stream in [stream for stream in self.calls if stream > last]:
            self.calls.pop(stream).fail(Unprocessed())
        if not self.calls:
            self.close()

    def _window(self, _flags: int, stream: int, payload: bytes) -> None:
        # A stream's own never matters: what is sent fits into the one it begins with.
        if not stream:
            self._room += frames.number_of(payload)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frames.frame(kind, flags, stream, payload))
