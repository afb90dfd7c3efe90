"""Chats of several turns with tools and images, refusals, and servers that want to be left alone."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from turnout.inference.v1.input_pb2 import ChatInput, ChatMessage, ImageInput, Input, ToolCall
from turnout.router.v1 import model_pb2 as wire
from turnout.router.v1.overrides_pb2 import Overrides

from services.foundation.nesting import DEEPEST
from services.models.answer import Answer, Failure
from services.models.errors import InputMismatch
from services.models.http import LONGEST_WAIT_SECONDS, wanted_wait
from services.models.registration import compile_model
from tests.models.chat_server import ChatServer, chat_server
from tests.models.example import open_pool, told
from tests.models.faults import limited, text, truncated
from tests.models.speech import Speech
from tests.models.test_chat import HELLO, answered, ask, failed, writer
from tests.models.test_streaming import heard
from tests.nested import nested

PIXEL = ImageInput(content=b"\x89PNG", mime="image/png")
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server() as opened:
        opened.answering({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
        yield opened


def chat(*messages: ChatMessage, **more: Any) -> Input:
    return Input(chat=ChatInput(messages=messages, **more))


async def test_an_answered_tool_call_goes_back_as_it_came(server: ChatServer) -> None:
    called = ToolCall(id="call-1", name="add", arguments='{"a": 1}')
    await answered(
        writer(server),
        chat(
            ChatMessage(role="user", content="add"),
            ChatMessage(role="assistant", tool_calls=[called, ToolCall(id="call-2", name="now")]),
            ChatMessage(role="tool", content="2", tool_call_id="call-1"),
        ),
    )
    function = {"name": "add", "arguments": '{"a": 1}'}
    assert server.bodies[0]["messages"][1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call-1", "type": "function", "function": function},
            {"id": "call-2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
    }


async def test_images_are_parts_of_what_is_said(server: ChatServer) -> None:
    await answered(writer(server), Input(image=PIXEL))
    linked = ImageInput(uri="https://example.org/cat.png")
    await answered(writer(server), chat(ChatMessage(role="user", content="What?", images=[PIXEL, linked])))
    said = [body["messages"][0] for body in server.bodies]
    assert said[0] == {"role": "user", "content": [SHOWN]}
    link = {"type": "image_url", "image_url": {"url": linked.uri}}
    assert said[1]["content"] == [{"type": "text", "text": "What?"}, SHOWN, link]


async def test_a_variant_says_what_is_asked_of_an_image(server: ChatServer) -> None:
    async with open_pool() as pool:
        how = Overrides(system_prompt="Be brief.", template="What is this? {input}")
        handle = pool.open(writer(server)).with_overrides(how)
        assert isinstance(await ask(handle, Input(image=PIXEL)), Answer)
        with pytest.raises(InputMismatch) as caught:
            handle.prepare(Input(image=ImageInput(content=b"x", mime="png")))
    assert "such as image/png expected, got 'png'" in told(caught.value)["input.image.mime"]
    assert server.bodies[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is this? "}, SHOWN]},
    ]


def test_whole_numbers_of_a_schema_stay_whole() -> None:
    given = chat(ChatMessage(role="user", content="a"))
    given.chat.response_format.update({"maxItems": 2, "deep": [{"minimum": 0.5, "maximum": -3}]})
    given.chat.tools.add().update({"n": 2**53, "huge": 1e300})
    body = compile_model(_writer()).wire.prepare(given).body.decode()
    assert '"maxItems": 2' in body
    assert '"maximum": -3' in body
    assert '"minimum": 0.5' in body
    assert '"n": 9007199254740992' in body
    assert '"huge": 1e+300' in body
    assert "2.0" not in body


def test_schemas_are_nested_as_deeply_as_may_be_and_no_more() -> None:
    places = ["input.chat.response_format", "input.chat.tools[0]"]
    for levels, wrong in ((DEEPEST - 1, []), (DEEPEST, places)):
        given = chat(ChatMessage(role="user", content="a"))
        given.chat.tools.add().fields["in"].CopyFrom(nested(levels))
        given.chat.response_format.fields["in"].CopyFrom(nested(levels))
        found = {}
        try:
            compile_model(_writer()).wire.prepare(given)
        except InputMismatch as refused:
            found = told(refused)
        assert sorted(found) == wrong
        assert all(f"at most {DEEPEST} levels" in said for said in found.values())


def _writer() -> wire.Model:
    model = writer(ChatServer())
    model.endpoints[0].address = "http://127.0.0.1:9"
    return model


def nan_in(field: str) -> Input:
    given = chat(ChatMessage(role="user", content="a"))
    struct = given.chat.tools.add() if field == "tools" else given.chat.response_format
    struct.update({"deep": [float("nan")]})
    return given


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (nan_in("tools"), "input.chat.tools[0]"),
        (nan_in("response_format"), "input.chat.response_format"),
        (Input(image=ImageInput(mime="image/png")), "input.image"),
        (Input(image=ImageInput(mime="image/png", content=b"")), "input.image"),
        (Input(image=ImageInput(content=b"x", mime="text/html")), "input.image.mime"),
        (
            chat(ChatMessage(role="system", images=[PIXEL])),
            "input.chat.messages[0].images",
        ),
        (
            chat(ChatMessage(role="user", tool_calls=[ToolCall(name="x")])),
            "input.chat.messages[0].tool_calls",
        ),
        (
            chat(ChatMessage(role="assistant", tool_calls=[ToolCall(id="1")])),
            "input.chat.messages[0].tool_calls[0].name",
        ),
    ],
)
def test_refuses_turns_that_cannot_be_said(given: Input, field: str) -> None:
    with pytest.raises(InputMismatch) as caught:
        compile_model(_writer()).wire.prepare(given)
    assert field in told(caught.value)


async def test_a_refusal_is_told_as_such_whole_or_in_pieces(server: ChatServer) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot."}
    server.answering({"choices": [{"message": message, "finish_reason": "stop"}]})
    whole = (await answered(writer(server))).output.text
    speech = server.behave = Speech(())
    speech.extra = [{"delta": {"refusal": "I "}}, {"delta": {"refusal": "cannot."}}]
    pieces, streamed = await heard(server)
    assert isinstance(streamed, Answer)
    assert (pieces, whole.content, whole.refusal) == ([], "", "I cannot.")
    assert streamed.output.text == whole


def piece(**call: Any) -> dict[str, Any]:
    return {"delta": {"tool_calls": [call]}}


@pytest.mark.parametrize("counted", [True, False])
async def test_parallel_tool_calls_are_kept_apart(server: ChatServer, counted: bool) -> None:
    """Also where the server does not count them."""
    speech = server.behave = Speech(())
    speech.extra = [
        piece(id="c1", function={"name": "add", "arguments": ""}, **({"index": 0} if counted else {})),
        piece(function={"arguments": "{}"}, **({"index": 0} if counted else {})),
        piece(id="c2", function={"name": "now", "arguments": "{}"}, **({"index": 1} if counted else {})),
    ]
    _, answer = await heard(server)
    assert isinstance(answer, Answer)
    found = [(one.id, one.name, one.arguments) for one in answer.output.text.tool_calls]
    assert found == [("c1", "add", "{}"), ("c2", "now", "{}")]


@pytest.mark.parametrize(("given", "read"), [(None, ""), ({"a": [1]}, '{"a": [1]}')])
async def test_arguments_that_are_no_text_are_written_out(server: ChatServer, given: Any, read: str) -> None:
    call = {"id": None, "function": {"name": "add", "arguments": given}}
    server.answering({"choices": [{"message": {"content": None, "tool_calls": [call]}}]})
    (found,) = (await answered(writer(server))).output.text.tool_calls
    assert (found.id, found.arguments) == ("", read)


@pytest.mark.parametrize("wrong", [-1, "12", 1.5, True, [], 2**64])
async def test_wrong_usage_is_unknown_and_not_free(server: ChatServer, wrong: object) -> None:
    usage = {"prompt_tokens": wrong, "completion_tokens": 5}
    server.answering({"choices": [{"message": {"content": "x"}}], "usage": usage})
    cost = wire.ModelCost(input_per_1k_tokens=1, output_per_1k_tokens=2)
    answer = await answered(writer(server, cost=cost))
    assert (answer.tokens_in, answer.tokens_out) == (None, 5)
    server.answering({"choices": [{"message": {"content": "x"}}], "usage": wrong})
    assert (await answered(writer(server, cost=cost))).cost is None


async def test_an_error_of_200_is_told_in_the_servers_words(server: ChatServer) -> None:
    server.answering({"error": {"message": "no GPU is left"}})
    assert (await failed(writer(server))).message == "the server gave up: no GPU is left"


async def test_half_a_reply_and_no_json_are_failures(server: ChatServer) -> None:
    server.behave = truncated
    failure = await failed(writer(server))
    assert (failure.code, failure.retryable) == ("UNAVAILABLE", True)
    server.behave = text('{"choices": [')
    assert (await failed(writer(server))).message.startswith("malformed reply: not a chat completion")


async def test_a_slow_server_is_waited_for_as_long_as_there_is_time() -> None:
    async with chat_server() as server, open_pool() as pool:
        server.behave = server.hang
        handle = pool.open(writer(server))
        assert isinstance(await ask(handle, seconds=0.05), Failure)
        server.release()
        assert isinstance(await ask(handle), Answer)


async def test_samples_are_no_confidence_of_one_answer(server: ChatServer) -> None:
    answer = await answered(writer(server, confidence_from=wire.CONFIDENCE_SOURCE_SELF_CONSISTENCY))
    assert answer.confidence is None
    assert not answer.output.text.HasField("confidence")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "86400"}, LONGEST_WAIT_SECONDS),
        ({"Retry-After": "inf"}, LONGEST_WAIT_SECONDS),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:27:15 GMT"}, 45.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 08:00:00 GMT"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00", "Date": "Wed, 21 Oct 2026 07:27:15 GMT"}, None),
    ],
)
def test_when_to_come_again(headers: dict[str, str], seconds: float | None) -> None:
    assert wanted_wait(headers) == seconds


@pytest.mark.parametrize("streams", [True, False])
async def test_a_limit_says_when_to_come_again(server: ChatServer, streams: bool) -> None:
    server.behave = limited(Retry_After="Wed, 21 Oct 2026 07:28:00 GMT", Date="Wed, 21 Oct 2026 07:27:15 GMT")
    failure = (await heard(server))[1] if streams else await failed(writer(server))
    assert isinstance(failure, Failure)
    assert (failure.code, failure.retry_after, failure.retryable) == ("RESOURCE_EXHAUSTED", 45.0, False)
    assert (failure.error.reason, failure.error.retry_after) == ("TOO_MANY_REQUESTS", 45.0)


@pytest.mark.parametrize(("wait", "retryable"), [("0", True), ("5", False)])
async def test_who_wants_to_be_left_alone_is_not_asked_at_once(
    server: ChatServer, wait: str, retryable: bool
) -> None:
    server.answering({}, status=503, headers={"Retry-After": wait})
    failure = await failed(writer(server))
    assert (failure.retryable, failure.retry_after) == (retryable, float(wait))
    # With UNAVAILABLE, the caller's library would repeat the call by itself.
    assert (failure.error.reason, failure.error.retry_after) == ("MODEL_FAILED", None)


def test_a_conversation_of_this_kind_is_still_what_it_was() -> None:
    body = compile_model(_writer()).wire.prepare(HELLO).body
    assert body == b'{"model": "writer-7b", "messages": [{"role": "user", "content": "good morning"}]}'
