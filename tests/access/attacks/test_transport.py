"""Whoever may connect and nothing more: what he can have the process hold, and write down."""

import asyncio
import io
import logging
import resource
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from services.foundation import logs
from services.foundation import server as serving
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.access.attacks.http2 import asking, saying, sent, zeros
from tests.foundation.echo import POOL, SERVICE, Echo, Words
from tests.waiting import eventually

SAY = f"/{SERVICE}/Say"
MEGABYTE = 1024 * 1024
KEY = b"tk_0123456789abcdef_" + b"f" * 64


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server([Echo()], Settings(message_bytes=MEGABYTE, concurrency=2), pool=POOL)
    await made.start()
    yield made
    await made.stop()


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def test_what_unpacks_to_a_thousand_times_its_size_is_not_unpacked(server: Server) -> None:
    packed = zeros(48 * MEGABYTE)
    assert len(packed) < 65_000, "it must fit into what may be sent unasked"
    before = peak()
    request = asking(SAY, [(b"grpc-encoding", b"gzip")]) + saying(packed, compressed=True)
    heard = await sent(server.port, request, b"grpc-status")
    assert b"grpc-status\x018" in heard, "RESOURCE_EXHAUSTED"
    assert peak() - before < 24 * MEGABYTE


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The log of a process, down to what libraries say to themselves."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("test", level="DEBUG", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"x-turnout-service", b"x-anything"])
async def test_a_header_that_is_no_text_is_not_written_down(
    server: Server, written: io.StringIO, name: bytes
) -> None:
    request = asking(SAY, [(name, b"Bearer " + KEY + b"\xff"), (name, b"a secret of no known shape\xfe")])
    await sent(server.port, request + saying(Words(text="word").SerializeToString()), b"grpc-status")
    told = await eventually(written.getvalue)
    assert "not shown" in told
    assert KEY.decode() not in told
    assert "no known shape" not in told


async def test_headers_without_end_are_refused_and_the_next_caller_is_answered(server: Server) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        say: Any = channel.unary_unary(SAY)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await say(b"", timeout=20, metadata=[("authorization", "Bearer " + "x" * 200_000)])
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await say(Words(text="word").SerializeToString(), timeout=20)


async def never() -> AsyncIterator[bytes]:
    """A request that does not come."""
    await asyncio.Event().wait()
    yield b""


async def test_calls_that_are_opened_and_never_made_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs memory before anything of ours sees it: so many per connection, and so many in all."""
    monkeypatch.setattr(serving, "MOST_STREAMS", 4)
    server = Server([Echo()], Settings(concurrency=2), pool=POOL)
    await server.start()
    channels = [
        grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(2 + serving.MOST_OPEN * 2 // 4)
    ]
    first: Any = channels[0].stream_unary(SAY)
    held = [first(never(), timeout=60) for _ in range(40)]
    # One connection does not take the room of the others.
    other: Any = channels[1].unary_unary(SAY)
    assert await other(Words(text="word").SerializeToString(), timeout=20)
    for channel in channels[1:]:
        opened: Any = channel.stream_unary(SAY)
        held += [opened(never(), timeout=60) for _ in range(4)]

    async def refused() -> bool:
        codes = [await call.code() for call in held if call.done()]
        return grpc.StatusCode.RESOURCE_EXHAUSTED in codes

    await eventually(refused, within=20)
    for call in held:
        call.cancel()
    for channel in channels:
        await channel.close()
    await server.stop()
