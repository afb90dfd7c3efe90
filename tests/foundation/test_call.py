"""Ids, headers, trailers and deadlines of a call."""

import asyncio
from typing import Any

import grpc
import pytest

from services.foundation.client import Client
from services.foundation.errors import DeadlineExceeded
from services.foundation.server import Server
from services.foundation.tracing import RemoteParent, parse_traceparent, traceparent
from tests.foundation.conftest import Start
from tests.foundation.echo import SERVICE, Echo, Words

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def say(server: Server, *metadata: tuple[str, str], text: str = "") -> Any:
    """Say something as a client that is not ours; the finished call."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        request = Words(text=text).SerializeToString()
        send: Any = channel.unary_unary(f"/{SERVICE}/Say")
        call = send(request, timeout=5, metadata=metadata)
        await call
        return dict(await call.trailing_metadata())


async def test_the_request_id_is_echoed(server: Server, echo: Echo) -> None:
    assert (await say(server, ("x-request-id", "abc-1")))["x-request-id"] == "abc-1"
    assert echo.calls[0].request_id == "abc-1"


async def test_a_call_without_an_id_is_known_by_its_trace(server: Server, echo: Echo) -> None:
    await say(server)
    assert echo.calls[0].request_id == echo.calls[0].trace_id
    assert len(echo.calls[0].trace_id) == 32
    assert len(echo.calls[0].span_id) == 16


@pytest.mark.parametrize("unsound", ["with space", "x" * 129, ""])
async def test_an_unsound_request_id_is_replaced(unsound: str, server: Server, echo: Echo) -> None:
    await say(server, ("x-request-id", unsound))
    assert echo.calls[0].request_id == echo.calls[0].trace_id


async def test_a_call_joins_the_trace_of_its_caller(server: Server, echo: Echo) -> None:
    await say(server, ("traceparent", f"00-{TRACE}-{SPAN}-00"))
    call = echo.calls[0]
    assert call.trace_id == TRACE
    assert call.span_id != SPAN
    assert not call.sampled


async def test_ids_differ_between_calls(server: Server, echo: Echo) -> None:
    await say(server)
    await say(server)
    assert len({call.trace_id for call in echo.calls}) == 2


async def test_headers_trailers_and_the_caller_are_seen(server: Server, echo: Echo) -> None:
    trailers = await say(server, ("x-segment", "gold"), text="told")
    call = echo.calls[0]
    assert call.header("x-segment") == "gold"
    assert call.header("x-absent") is None
    assert call.caller.peer.startswith("ipv4:127.0.0.1:")
    assert trailers["x-echo"] == "told"


@pytest.mark.parametrize(
    "header",
    ["", "00-abc-def-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{SPAN}-01",
     f"00-{TRACE.upper()}-{SPAN}-01"],
)  # fmt: skip
def test_a_malformed_traceparent_starts_a_new_trace(header: str) -> None:
    assert parse_traceparent(header) is None


@pytest.mark.parametrize("sampled", [True, False])
def test_traceparent_reads_what_it_writes(sampled: bool) -> None:
    parent = RemoteParent(TRACE, SPAN, sampled)
    assert parse_traceparent(traceparent(parent)) == parent


async def test_the_clients_deadline_is_what_remains(client: Client, echo: Echo) -> None:
    await client.unary(SERVICE, "Say")(Words(), timeout=5)
    # The library counts by the wall clock, which may be set meanwhile; without a deadline there are 30 s.
    assert 0 < echo.calls[0].remaining() < 6


async def test_a_call_without_a_deadline_gets_the_default(start: Start, echo: Echo) -> None:
    """It ends by itself, the method is cancelled, and the status says what to do."""
    server = await start(default_deadline_seconds=0.1)
    async with grpc.aio.insecure_channel(server.address) as channel:
        send: Any = channel.unary_unary(f"/{SERVICE}/Hold")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send(b"")
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "the default deadline; set one" in (caught.value.details() or "")
    assert echo.cancelled.is_set()
    assert echo.calls[0].remaining() == 0


async def test_a_stream_without_a_deadline_gets_its_own_default(start: Start, echo: Echo) -> None:
    server = await start(default_deadline_seconds=60, stream_deadline_seconds=0.1)
    async with grpc.aio.insecure_channel(server.address) as channel:
        send: Any = channel.unary_stream(f"/{SERVICE}/Count")
        stream = send(Words(text="hold").SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert echo.cancelled.is_set()


async def test_so_does_a_stream_of_requests(start: Start) -> None:
    """Nobody who sends a file thinks of a deadline, and it may take longer than a call."""
    server = await start(default_deadline_seconds=60, stream_deadline_seconds=0.1)
    async with grpc.aio.insecure_channel(server.address) as channel:
        send: Any = channel.stream_unary(f"/{SERVICE}/Join")()
        with pytest.raises(grpc.aio.AioRpcError, match=r"0\.1 s, the default deadline"):
            await send


async def test_a_spent_budget_is_refused_before_anything_is_sent(client: Client, echo: Echo) -> None:
    with pytest.raises(DeadlineExceeded, match="no time left"):
        await client.unary(SERVICE, "Say")(Words(), timeout=0)
    assert echo.calls == []


async def test_a_call_made_for_another_never_outlives_it(start: Start, client: Client, echo: Echo) -> None:
    """The timeout of a sub-call is at most what the call has left."""
    await client.unary(SERVICE, "Say")(Words(), timeout=0.3)
    with pytest.raises(DeadlineExceeded):
        await client.unary(SERVICE, "Hold")(Words(), timeout=60, call=echo.calls[0])


async def test_ids_travel_to_the_next_service(client: Client, server: Server, echo: Echo) -> None:
    await say(server, ("x-request-id", "abc-1"), ("traceparent", f"00-{TRACE}-{SPAN}-01"))
    await client.unary(SERVICE, "Say")(Words(), timeout=5, call=echo.calls[0])
    first, second = echo.calls
    assert (second.request_id, second.trace_id, second.sampled) == ("abc-1", TRACE, True)
    assert second.header("traceparent") == f"00-{TRACE}-{first.span_id}-01"


async def test_a_client_that_leaves_cancels_the_method(client: Client, server: Server, echo: Echo) -> None:
    held = asyncio.ensure_future(client.unary(SERVICE, "Hold")(Words(), timeout=30))
    await echo.holding.wait()
    held.cancel()
    await echo.cancelled.wait()
    labels = {"method": f"{SERVICE}/Hold", "code": "CANCELLED"}
    assert server.metrics.registry.get_sample_value("turnout_rpc_total", labels) == 1


async def test_closing_a_stream_cancels_it(client: Client, echo: Echo) -> None:
    replies: Any = client.stream(SERVICE, "Count")(Words(count=1, text="hold"), timeout=30)
    await anext(replies)
    await replies.aclose()
    await echo.cancelled.wait()
