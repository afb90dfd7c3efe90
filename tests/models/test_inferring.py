"""Calls over a link, seen from a model's handle: nothing differs but the price."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from inference.open_inference_pb2 import ModelInferRequest

from services.foundation.tracing import RemoteParent
from services.models.answer import Answer, CallFailed, Failure
from services.models.connections import Connections
from services.models.endpoints import Send
from services.models.handle import ModelHandle
from services.models.http2 import frames
from services.models.inferring import connected
from tests.fleet import fleet_model
from tests.models.example import open_pool, patient
from tests.models.http2.peers import PATH, TRACE, Peer, peering, serving
from tests.models.test_calling import FIRST
from tests.waiting import eventually

SPAN = RemoteParent("a" * 32, "b" * 16, True)


@asynccontextmanager
async def warm(**mode: Any) -> AsyncIterator[tuple[ModelHandle, Any]]:
    """A handle whose link is open, and its server, which then gets into a mode."""
    async with fleet_model("cancer-bayes") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-bayes", server.address))
        connections = pool.connections
        assert isinstance(await handle.call(handle.prepare(FIRST), 60.0, SPAN), Answer)
        await eventually(lambda: opened(connections, server.address))
        if mode:
            server.faults.set(**mode)
        yield handle, server


def opened(connections: Connections, address: str) -> bool:
    link = connections.link(address, PATH)
    return link is not None and link.open


async def ask(handle: ModelHandle, seconds: float = 60.0) -> Answer | Failure:
    return await handle.call(handle.prepare(FIRST), seconds, SPAN)


async def test_the_answer_is_the_same_by_either_way() -> None:
    async with fleet_model("cancer-bayes") as server, open_pool() as pool:
        handle = pool.open(patient("cancer-bayes", server.address))
        first = await ask(handle)
        assert "grpc-python-asyncio" in server.metadata_seen["user-agent"]
        await eventually(lambda: opened(pool.connections, server.address))
        second = await ask(handle)
        # Who carried it says so.
        assert server.metadata_seen["user-agent"] == "turnout"
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.encoded, first.tensors) == (second.encoded, second.tensors)
    assert server.metadata_seen["traceparent"] == f"00-{SPAN.trace_id}-{second.span_id}-01"


async def test_nobody_waits_longer_than_the_timeout() -> None:
    async with warm(mode="hang") as (handle, server):
        failure = await ask(handle, 0.05)
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.code) == ("TIMED_OUT", "DEADLINE_EXCEEDED")
        assert failure.message == "no answer within 0.05 s"
        await eventually(lambda: server.cancelled == 1 and server.in_flight == 0)


async def test_cancelling_the_caller_cancels_the_call_on_the_server() -> None:
    async with warm(mode="hang") as (handle, server):
        task = asyncio.create_task(ask(handle))
        await eventually(lambda: server.in_flight == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: server.cancelled == 1 and server.in_flight == 0)
        assert handle.in_flight == 0


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [("UNAVAILABLE", "FAILED", True), ("INTERNAL", "FAILED", False), ("CANCELLED", "CANCELLED", False)],
)
async def test_a_refusal_is_a_failure_and_is_not_repeated(code: str, kind: str, retryable: bool) -> None:
    async with warm(mode="fail", code=code) as (handle, server):
        before = server.calls
        failure = await ask(handle)
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.code, failure.retryable) == (kind, code, retryable)
        assert server.calls == before + 1


async def test_a_server_that_comes_back_is_found_again() -> None:
    async def echo(request: bytes, _context: Any) -> bytes:
        return request

    connections = Connections({})
    async with serving(echo) as (_, address):
        send = connected(connections, connections.channel(address), address, PATH)
        assert await send(b"1", 30.0, TRACE) == b"1"
        link = connections.link(address, PATH)
        assert link is not None
        await eventually(lambda: link.open)
    await eventually(lambda: not link.open)
    with pytest.raises(CallFailed) as failed:
        await send(b"2", 30.0, TRACE)
    assert (failed.value.code, failed.value.retryable) == ("UNAVAILABLE", True)
    await connections.close()


async def test_what_a_server_did_not_begin_with_is_asked_by_the_other_way() -> None:
    def refuse(peer: Peer, stream: int) -> None:
        peer.say(frames.RST_STREAM, 0, stream, frames.number(frames.REFUSED_STREAM))

    async def echo(request: bytes, _context: Any) -> bytes:
        return request

    connections = Connections({})
    async with peering(refuse) as (peer, refusing), serving(echo) as (_, address):
        # The link leads to one server and the channel to another: it shows who answers.
        link = connections.link(refusing, PATH)
        assert link is not None
        link.begin(b"", 1.0, TRACE)
        await eventually(lambda: link.open)
        send: Send = connected(connections, connections.channel(address), refusing, PATH)
        assert await send(b"hello", 30.0, TRACE) == b"hello"
        assert any(kind == frames.HEADERS for kind, *_ in peer.seen)
    await connections.close()


def test_there_is_no_link_past_a_proxy() -> None:
    assert Connections({"https_proxy": "http://proxy:3128"}).link("host:1", PATH) is None


async def test_a_question_too_large_for_the_link_goes_over_the_channel() -> None:
    async def size(request: bytes, _context: Any) -> bytes:
        return b"%d" % len(request)

    connections = Connections({})
    async with serving(size) as (_, address):
        send = connected(connections, connections.channel(address), address, PATH)
        await send(b"", 30.0, TRACE)
        await eventually(lambda: opened(connections, address))
        body = ModelInferRequest(raw_input_contents=[bytes(3_900_000)]).SerializeToString()
        assert await send(body, 30.0, TRACE) == b"%d" % len(body)
    await connections.close()
