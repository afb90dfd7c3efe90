"""Calls over a link to grpc's own server: what it carries, and how calls end."""

import asyncio
import gc
from typing import Any

import grpc
import pytest
import uvloop

from services.models.http2.exchange import Exchange
from services.models.http2.link import Link
from services.models.http2.outcome import Ended
from tests.models.http2.peers import MOST_BYTES, PATH, TRACE, linked, serving
from tests.waiting import eventually


def begun(link: Link, body: bytes, seconds: float = 30.0) -> Exchange:
    exchange = link.begin(body, seconds, TRACE)
    assert exchange is not None
    return exchange


async def echo(request: bytes, _context: Any) -> bytes:
    return request


async def test_carries_bytes_there_and_back() -> None:
    async with serving(echo) as (_, address), linked(address) as link:
        bodies = [bytes([size % 256]) * size for size in (0, 1, 1000, 16_000)]
        asked = [begun(link, body) for body in bodies]
        assert [await one.reply for one in asked] == bodies


async def test_the_server_sees_deadline_and_trace_with_every_call() -> None:
    async def told(_request: bytes, context: Any) -> bytes:
        headers = dict(context.invocation_metadata())
        assert 20 < context.time_remaining() <= 30.001
        return str(headers["traceparent"]).encode()

    async with serving(told) as (_, address), linked(address) as link:
        # The first call fills the table that the others refer to.
        assert [await begun(link, b"").reply for _ in range(3)] == [TRACE.encode()] * 3


async def test_a_large_reply_comes_in_many_frames_again_and_again() -> None:
    async def large(_request: bytes, _context: Any) -> bytes:
        return bytes(1_000_000)

    async with serving(large) as (_, address), linked(address) as link:
        # More than the credit of the whole connection, so that it has to be renewed.
        for _ in range(20):
            assert len(await begun(link, b"").reply) == 1_000_000


async def test_a_reply_that_is_too_large_fails_alone() -> None:
    async def sized(request: bytes, _context: Any) -> bytes:
        return bytes(int(request))

    async with serving(sized) as (_, address), linked(address) as link:
        small, large = begun(link, b"10"), begun(link, b"%d" % (MOST_BYTES + 1))
        assert len(await small.reply) == 10
        with pytest.raises(Ended, match="RESOURCE_EXHAUSTED: Received message larger than max"):
            await large.reply
        assert len(await begun(link, b"%d" % MOST_BYTES).reply) == MOST_BYTES


async def test_tells_the_status_and_the_words_of_the_server() -> None:
    async def refuse(_request: bytes, context: Any) -> bytes:
        trailers = (("grpc-retry-pushback-ms", "-1"),)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "später: 100 %", trailers)
        raise AssertionError

    async with serving(refuse) as (_, address), linked(address) as link:
        for _ in range(2):
            with pytest.raises(Ended) as failed:
                await begun(link, b"").reply
            assert failed.value.status == ("UNAVAILABLE", "später: 100 %", True)


async def test_a_method_that_is_not_there_is_unimplemented() -> None:
    async with serving(echo) as (_, address):
        link = Link(address, "/no.Such/Method", MOST_BYTES)
        link.begin(b"", 1.0, TRACE)
        await eventually(lambda: link.open)
        with pytest.raises(Ended, match="UNIMPLEMENTED"):
            await begun(link, b"").reply
        await link.close(None)


async def test_the_server_learns_that_nobody_waits_any_more() -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def hang(_request: bytes, _context: Any) -> bytes:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    async with serving(hang) as (_, address), linked(address) as link:
        begun(link, b"").cancel()
        exchange = begun(link, b"")
        await arrived.wait()
        exchange.cancel()
        await left.wait()
        left.clear()
        late = begun(link, b"", 0.05)
        with pytest.raises(Ended, match="DEADLINE_EXCEEDED"):
            await late.reply
        await left.wait()


@pytest.mark.parametrize("size", [16 * 1024 * 1024, 5 * 1024 * 1024])
async def test_what_is_too_large_to_be_sent_at_once_is_left_to_others(size: int) -> None:
    async with serving(echo) as (_, address), linked(address) as link:
        assert link.begin(bytes(size), 1.0, TRACE) is None
        assert await begun(link, b"small").reply == b"small"


async def test_no_more_calls_at_once_than_the_server_allows() -> None:
    go = asyncio.Event()

    async def wait(request: bytes, _context: Any) -> bytes:
        await go.wait()
        return request

    async with serving(wait, max_concurrent_streams=2) as (_, address), linked(address) as link:
        asked = [begun(link, b"1"), begun(link, b"2")]
        assert link.begin(b"3", 1.0, TRACE) is None
        go.set()
        assert [await one.reply for one in asked] == [b"1", b"2"]
        assert await begun(link, b"4").reply == b"4"


async def test_a_server_that_drains_answers_what_it_has_and_is_left() -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def wait(request: bytes, _context: Any) -> bytes:
        arrived.set()
        await go.wait()
        return request

    async with serving(wait) as (server, address), linked(address) as link:
        asked = begun(link, b"1")
        await arrived.wait()
        stopping = asyncio.create_task(server.stop(30.0))
        await eventually(lambda: not link.open)
        assert link.begin(b"2", 1.0, TRACE) is None
        go.set()
        assert await asked.reply == b"1"
        await stopping


async def test_calls_end_with_their_connection() -> None:
    arrived = asyncio.Event()

    async def hang(_request: bytes, _context: Any) -> bytes:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(hang) as (_, address):
        link = Link(address, PATH, MOST_BYTES)
        link.begin(b"", 1.0, TRACE)
        await eventually(lambda: link.open)
        asked = begun(link, b"")
        await arrived.wait()
        await link.close(0.01)
        with pytest.raises(Ended, match="UNAVAILABLE: the connection was closed"):
            await asked.reply
        assert link.begin(b"", 1.0, TRACE) is None


async def test_a_link_that_nobody_has_any_more_closes_its_connection() -> None:
    async with serving(echo) as (_, address), linked(address) as other:
        links = [Link(address, PATH, MOST_BYTES)]
        links[0].begin(b"", 1.0, TRACE)
        await eventually(lambda: links[0].open)
        session = links[0]._session
        assert session is not None
        links.clear()
        gc.collect()
        await eventually(lambda: not session.open)
        assert await begun(other, b"still").reply == b"still"


async def test_where_nobody_listens_it_carries_nothing() -> None:
    async with serving(echo) as (server, address):
        await server.stop(None)
        link = Link(address, PATH, MOST_BYTES)
        assert link.begin(b"", 1.0, TRACE) is None
        await eventually(lambda: link._connecting is None)
        assert not link.open
        assert link.begin(b"", 1.0, TRACE) is None


def test_also_under_the_loop_that_services_run_on() -> None:
    async def ask() -> None:
        async with serving(echo) as (_, address), linked(address) as link:
            assert await begun(link, b"hello").reply == b"hello"

    uvloop.run(ask())


async def test_each_call_expires_at_its_own_time_and_leaves_the_others_theirs() -> None:
    go = asyncio.Event()

    async def wait(request: bytes, _context: Any) -> bytes:
        await go.wait()
        return request

    async with serving(wait) as (_, address), linked(address) as link:
        # Later ones first, so that the earlier have to move the alarm.
        patient, late, early = (begun(link, b"%d" % place, (30.0, 0.2, 0.1)[place]) for place in range(3))
        for expired in (early, late):
            with pytest.raises(Ended, match="DEADLINE_EXCEEDED"):
                await expired.reply
            assert not patient.reply.done()
        assert early.until < late.until < patient.until
        go.set()
        assert await patient.reply == b"0"
