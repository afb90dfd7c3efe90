"""Chat answers piece by piece: a real server that streams, stalls and breaks off."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from turnout.router.v1 import model_pb2 as wire

from services.models.answer import Answer, Failure
from services.models.connections import MESSAGE_BYTES
from services.models.handle import ModelHandle
from services.models.streaming import StreamedAttempt
from tests.models.chat_server import ChatServer, chat_server
from tests.models.example import open_pool
from tests.models.speech import Speech
from tests.models.test_chat import HELLO, SPAN, writer
from tests.waiting import eventually

Told = tuple[list[str], Answer | Failure]


async def listened(attempt: StreamedAttempt) -> Told:
    pieces = []
    try:
        while isinstance(said := await attempt.next(), str):
            pieces.append(said)
    finally:
        attempt.close()
    return pieces, said


def attempt_of(handle: ModelHandle, first: float = 30.0, seconds: float = 30.0) -> StreamedAttempt:
    return StreamedAttempt(handle, handle.prepare(HELLO), first, seconds, SPAN)


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server() as opened:
        yield opened


async def heard(server: ChatServer, first: float = 30.0, seconds: float = 30.0, **changes: Any) -> Told:
    async with open_pool() as pool:
        handle = pool.open(writer(server, **changes))
        assert handle.streams
        told = await listened(attempt_of(handle, first, seconds))
        assert handle.in_flight == 0
    return told


async def test_pieces_come_as_they_are_said_and_the_whole_in_the_end(server: ChatServer) -> None:
    server.behave = Speech()
    cost = wire.ModelCost(input_per_1k_tokens=10, output_per_1k_tokens=30, currency="EUR")
    pieces, answer = await heard(server, cost=cost)
    assert pieces == ["Good", " morning", "!"]
    assert isinstance(answer, Answer)
    assert answer.output.text.content == "Good morning!"
    assert answer.output.text.finish_reason == "stop"
    assert (answer.tokens_in, answer.tokens_out) == (2, 3)
    assert answer.cost == pytest.approx((2 * 10 + 3 * 30) / 1000)
    assert answer.latency > 0
    assert server.headers["traceparent"] == f"00-{SPAN.trace_id}-{answer.span_id}-00"


async def test_the_first_piece_is_there_before_the_last_is_said(server: ChatServer) -> None:
    speech = server.behave = Speech(hold=1)
    async with open_pool() as pool:
        attempt = attempt_of(pool.open(writer(server)))
        assert await attempt.next() == "Good"
        speech.go.set()
        assert (await listened(attempt))[0] == [" morning", "!"]


async def test_tool_calls_and_probabilities_are_put_together(server: ChatServer) -> None:
    speech = server.behave = Speech(())
    function = {"name": "weather", "arguments": '{"city": '}
    speech.extra = [
        {"delta": {"tool_calls": [{"index": 0, "id": "call-1", "function": function}]}},
        {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '"Basel"}'}}]}},
        {"delta": {}, "logprobs": {"content": [{"token": "a", "logprob": -0.5}]}},
    ]
    pieces, answer = await heard(server, confidence_from=wire.CONFIDENCE_SOURCE_LOGPROB)
    assert pieces == []
    assert isinstance(answer, Answer)
    (call,) = answer.output.text.tool_calls
    assert (call.id, call.name, call.arguments) == ("call-1", "weather", '{"city": "Basel"}')
    assert answer.confidence == pytest.approx(0.6065, abs=1e-4)


async def test_a_server_that_says_why_it_finished_need_not_say_goodbye(server: ChatServer) -> None:
    server.behave = Speech(end="finished")
    _, answer = await heard(server)
    assert isinstance(answer, Answer)
    assert answer.tokens_out is None


async def test_a_server_that_knows_nothing_of_pieces_sends_one(server: ChatServer) -> None:
    pieces, answer = await heard(server)
    assert pieces == ["GOOD MORNING"]
    assert isinstance(answer, Answer)
    assert answer.output.text.content == "GOOD MORNING"


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("broken", "UNAVAILABLE", ""),
        ("silent", "UNAVAILABLE", "the stream broke off after 3 pieces"),
        ("error", "INTERNAL", "the server gave up: out of memory"),
    ],
)
async def test_a_stream_that_breaks_off_is_a_failure(
    server: ChatServer, end: str, code: str, said: str
) -> None:
    server.behave = Speech(end=end)
    pieces, failure = await heard(server)
    assert pieces == ["Good", " morning", "!"]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == ("FAILED", code)
    assert said in failure.message


async def test_a_refusal_comes_before_any_piece(server: ChatServer) -> None:
    server.answering({"error": {"message": "no such model"}}, status=404)
    pieces, failure = await heard(server)
    assert pieces == []
    assert isinstance(failure, Failure)
    assert (failure.code, failure.message) == ("NOT_FOUND", "HTTP 404: no such model")


async def test_nobody_waits_longer_for_the_first_piece_than_he_has(server: ChatServer) -> None:
    server.behave = Speech(hold=0)
    pieces, failure = await heard(server, first=0.1)
    assert pieces == []
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == ("TIMED_OUT", "no first piece of an answer within 0.1 s")
    await eventually(lambda: server.in_flight == 0 and server.cancelled == 1)


async def test_nor_for_the_end(server: ChatServer) -> None:
    server.behave = Speech(hold=2)
    pieces, failure = await heard(server, first=10.0, seconds=0.3)
    assert pieces == ["Good", " morning"]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == ("TIMED_OUT", "no end of the answer within 0.3 s")
    await eventually(lambda: server.in_flight == 0)


async def test_who_stops_listening_ends_the_call(server: ChatServer) -> None:
    server.behave = Speech(hold=1)
    async with open_pool() as pool:
        handle = pool.open(writer(server))
        attempt = attempt_of(handle)
        assert await attempt.next() == "Good"
        assert handle.in_flight == 1
        attempt.close()
        attempt.close()
        assert handle.in_flight == 0
        account = attempt.cancelled()
        assert (account.kind, account.endpoint) == ("CANCELLED", server.url)
        assert account.latency > 0
        await eventually(lambda: server.in_flight == 0 and server.cancelled == 1)


async def test_an_answer_without_end_is_cut_off(server: ChatServer) -> None:
    server.behave = Speech(["x" * 60_000] * (MESSAGE_BYTES // 60_000 + 2))
    pieces, failure = await heard(server)
    assert isinstance(failure, Failure)
    assert failure.message == f"malformed reply: larger than {MESSAGE_BYTES} bytes"
    assert sum(map(len, pieces)) <= MESSAGE_BYTES


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("[]", "the whole: an object expected, got a list"),
        ("{", "JSON expected, got '{'"),
        ('{"choices": [1]}', "choices[0]: an object expected, got a number"),
        (
            '{"choices": [{"delta": {"content": 3}}]}',
            "choices[0].delta.content: a text expected, got a number",
        ),
        (
            '{"choices": [{"delta": {"refusal": 3}}]}',
            "choices[0].delta.refusal: a text expected, got a number",
        ),
        (
            '{"choices": [{"delta": {"tool_calls": [{"index": "x"}]}}]}',
            "choices[0].delta.tool_calls[0].index: a number expected, got a text",
        ),
        ("null", "the whole: an object expected, got null"),
    ],
)
async def test_pieces_that_are_none_are_a_failure(server: ChatServer, raw: str, said: str) -> None:
    async def odd(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(text=f"data: {raw}\n\n", content_type="text/event-stream")

    server.behave = odd
    _, failure = await heard(server)
    assert isinstance(failure, Failure)
    assert failure.code == "INTERNAL"
    assert failure.message == f"malformed reply: chunk 1 is none of a chat completion: {said}"


async def test_no_call_is_made_without_time_or_room(server: ChatServer) -> None:
    server.behave = Speech(hold=1)
    _, failure = await heard(server, seconds=0.0)
    assert isinstance(failure, Failure)
    assert failure.message == "no time was left to call it"
    async with open_pool() as pool:
        handle = pool.open(writer(server, max_concurrency=1))
        first = attempt_of(handle)
        assert await first.next() == "Good"
        _, busy = await listened(attempt_of(handle))
        assert isinstance(busy, Failure)
        assert busy.kind == "DROPPED"
        first.close()
        assert handle.in_flight == 0
    assert len(server.bodies) == 1
