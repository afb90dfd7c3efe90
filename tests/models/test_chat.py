"""Chat models over HTTP: what is asked, what is answered, and every way in which there is no answer."""

import asyncio
import math
from typing import Any

import pytest
from aiohttp import web
from turnout.inference.v1.input_pb2 import ChatInput, ChatMessage, Input, Sampling
from turnout.router.v1 import model_pb2 as wire
from turnout.router.v1.overrides_pb2 import Overrides

from services.foundation.tracing import RemoteParent
from services.models.answer import Answer, Failure
from services.models.connections import MESSAGE_BYTES
from services.models.errors import InputMismatch, InvalidModel
from services.models.handle import ModelHandle, probe
from services.models.registration import compile_model
from tests.models.chat_server import ChatServer, chat_server
from tests.models.example import open_pool, told
from tests.waiting import eventually

HELLO = Input(chat=ChatInput(messages=[ChatMessage(role="user", content="good morning")]))
SPAN = RemoteParent("a" * 32, "b" * 16, False)


def writer(server: ChatServer, **changes: Any) -> wire.Model:
    model = wire.Model(
        name="models/writer",
        served_name="writer-7b",
        protocol=wire.PROTOCOL_OPENAI_CHAT,
        endpoints=[wire.Endpoint(address=server.url)],
        **changes,
    )
    model.timeout.FromSeconds(60)
    return model


async def ask(handle: ModelHandle, given: Input = HELLO, seconds: float = 60.0) -> Answer | Failure:
    return await handle.call(handle.prepare(given), seconds, SPAN)


async def answered(model: wire.Model, given: Input = HELLO) -> Answer:
    async with open_pool() as pool:
        answer = await ask(pool.open(model), given)
    assert isinstance(answer, Answer), answer
    return answer


async def failed(model: wire.Model, environ: dict[str, str] | None = None) -> Failure:
    async with open_pool(environ=environ) as pool:
        failure = await ask(pool.open(model))
    assert isinstance(failure, Failure), failure
    return failure


async def test_answers_with_text_tokens_and_cost() -> None:
    async with chat_server() as server:
        cost = wire.ModelCost(input_per_1k_tokens=10, output_per_1k_tokens=30, currency="EUR")
        answer = await answered(writer(server, cost=cost))
    assert answer.output.text.content == "GOOD MORNING"
    assert answer.output.text.finish_reason == "stop"
    assert (answer.tokens_in, answer.tokens_out) == (2, 2)
    assert answer.cost == pytest.approx(0.08)
    assert answer.currency == "EUR"
    assert answer.endpoint == server.url
    assert answer.confidence is None
    assert not answer.output.text.HasField("confidence")


async def test_asks_as_the_protocol_has_it() -> None:
    chat = ChatInput(
        messages=[
            ChatMessage(role="system", content="shout"),
            ChatMessage(role="user", content="hi", name="ann"),
            ChatMessage(role="tool", content="4", tool_call_id="call-1"),
        ],
        sampling=Sampling(temperature=0, top_p=0.5, max_tokens=7, seed=11, stop=["END"]),
    )
    tool: Any = {"type": "function", "function": {"name": "add", "parameters": {"maxItems": 2}}}
    chat.tools.add().update(tool)
    chat.response_format.update({"type": "json_object"})
    async with chat_server() as server:
        answer = await answered(writer(server), Input(chat=chat))
        assert server.bodies == [
            {
                "model": "writer-7b",
                "messages": [
                    {"role": "system", "content": "shout"},
                    {"role": "user", "content": "hi", "name": "ann"},
                    {"role": "tool", "content": "4", "tool_call_id": "call-1"},
                ],
                "tools": [tool],
                "response_format": {"type": "json_object"},
                "temperature": 0,
                "top_p": 0.5,
                "max_tokens": 7,
                "seed": 11,
                "stop": ["END"],
            }
        ]
        assert server.headers["traceparent"] == f"00-{SPAN.trace_id}-{answer.span_id}-00"


async def test_text_is_a_conversation_of_one_message() -> None:
    async with chat_server() as server:
        answer = await answered(writer(server), Input(text="hé"))
        assert server.bodies[0]["messages"] == [{"role": "user", "content": "hé"}]
    assert answer.output.text.content == "HÉ"


async def test_tool_calls_come_through() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    async with chat_server() as server:
        server.answering({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
        text = (await answered(writer(server))).output.text
    assert (text.content, text.finish_reason) == ("", "tool_calls")
    assert [(c.id, c.name, c.arguments) for c in text.tool_calls] == [("c1", "add", '{"a": 1}')]


async def test_confidence_from_log_probabilities() -> None:
    async with chat_server() as server:
        answer = await answered(writer(server, confidence_from=wire.CONFIDENCE_SOURCE_LOGPROB))
    assert answer.confidence == pytest.approx(math.exp(-0.5))
    assert answer.output.text.confidence == answer.confidence


@pytest.mark.parametrize(
    ("content", "confidence"),
    [
        ('{"a": [{"sure/ly": 0.75}]}', 0.75),
        ('{"a": [{"sure/ly": 7}]}', None),
        ('{"a": [{"sure/ly": true}]}', None),
        ('{"a": []}', None),
        ("no JSON at all", None),
        ("[" * 100_000, None),
    ],
)
async def test_confidence_from_a_pointer(content: str, confidence: float | None) -> None:
    model_says = {"choices": [{"message": {"content": content}}]}
    async with chat_server() as server:
        server.answering(model_says)
        model = writer(
            server,
            confidence_from=wire.CONFIDENCE_SOURCE_JSON_POINTER,
            confidence_pointer="/a/0/sure~1ly",
        )
        answer = await answered(model)
    assert answer.confidence == confidence
    assert answer.output.text.content == content


async def test_the_secret_comes_from_the_environment() -> None:
    async with chat_server() as server:
        model = writer(server, secret_ref="env:WRITER_KEY")
        async with open_pool(environ={"WRITER_KEY": "sk-1"}) as pool:
            assert isinstance(await ask(pool.open(model)), Answer)
        assert server.headers["Authorization"] == "Bearer sk-1"
        failure = await failed(model)
        assert (failure.kind, failure.code) == ("FAILED", "FAILED_PRECONDITION")
        assert "WRITER_KEY" in failure.message
        assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "kind", "code", "retryable"),
    [
        (400, "FAILED", "INVALID_ARGUMENT", False),
        (401, "FAILED", "UNAUTHENTICATED", False),
        (402, "FAILED", "FAILED_PRECONDITION", False),
        (404, "FAILED", "NOT_FOUND", False),
        (408, "TIMED_OUT", "DEADLINE_EXCEEDED", False),
        (410, "FAILED", "FAILED_PRECONDITION", False),
        (413, "FAILED", "INVALID_ARGUMENT", False),
        (422, "FAILED", "INVALID_ARGUMENT", False),
        (429, "FAILED", "RESOURCE_EXHAUSTED", False),
        (500, "FAILED", "UNAVAILABLE", False),
        (503, "FAILED", "UNAVAILABLE", True),
        (504, "TIMED_OUT", "DEADLINE_EXCEEDED", False),
    ],
)
async def test_statuses_are_failures(status: int, kind: str, code: str, retryable: bool) -> None:
    async with chat_server() as server:
        server.answering({"error": {"message": "key sk-1 refused, it says"}}, status)
        failure = await failed(writer(server, secret_ref="env:KEY"), {"KEY": "sk-1"})
    assert (failure.kind, failure.code, failure.retryable) == (kind, code, retryable)
    assert failure.message == f"HTTP {status}: key *** refused, it says"
    assert (failure.error.code == "INVALID_ARGUMENT") is (status in (400, 413, 422))


async def test_redirects_are_not_followed() -> None:
    """They would carry the secret to wherever the server says."""
    async with chat_server() as server:

        async def redirect(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect("/v1/chat/completions")

        server.behave = redirect
        failure = await failed(writer(server))
        assert (failure.code, failure.message) == ("FAILED_PRECONDITION", "HTTP 307")
        assert len(server.bodies) == 1


def message(**parts: object) -> dict[str, object]:
    return {"choices": [{"message": parts}]}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({}, "choices: a list expected, got nothing"),
        ({"choices": []}, "choices[0]: an object expected, got nothing"),
        ([], "the whole: an object expected, got a list"),
        (1, "the whole: an object expected, got a number"),
        ({"choices": [{"text": "Paris"}]}, "choices[0].message: an object expected, got nothing"),
        (message(content=4), "choices[0].message.content: a text expected, got a number"),
        (message(content=[{"text": "a"}]), "choices[0].message.content: a text expected, got a list"),
        (
            message(tool_calls=[{"function": {}}]),
            "choices[0].message.tool_calls[0].function.name: the name of a function expected, got nothing",
        ),
        (message(content="\ud800"), "texts that UTF-8 can carry expected"),
    ],
)
async def test_replies_that_are_no_completions_are_failures_told_in_words(reply: object, said: str) -> None:
    async with chat_server() as server:
        server.answering(reply)
        failure = await failed(writer(server))
    assert failure.message == f"malformed reply: not a chat completion: {said}"
    assert failure.error.reason == "MODEL_FAILED"


async def test_a_reply_beyond_the_limit_is_a_failure() -> None:
    async with chat_server() as server:

        async def flood(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            return web.Response(body=b" " * (MESSAGE_BYTES + 1))

        server.behave = flood
        failure = await failed(writer(server))
    assert failure.message == f"malformed reply: larger than {MESSAGE_BYTES} bytes"


async def test_the_timeout_is_strict_and_ends_the_call_on_the_server() -> None:
    async with chat_server() as server, open_pool() as pool:
        server.behave = server.hang
        failure = await ask(pool.open(writer(server)), seconds=0.05)
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.code) == ("TIMED_OUT", "DEADLINE_EXCEEDED")
        assert failure.message == "no answer within 0.05 s"
        await eventually(lambda: server.cancelled == 1 and server.in_flight == 0)


async def test_cancelling_the_caller_ends_the_call_on_the_server() -> None:
    async with chat_server() as server, open_pool() as pool:
        server.behave = server.hang
        handle = pool.open(writer(server))
        task = asyncio.create_task(ask(handle))
        await eventually(lambda: server.in_flight == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: server.cancelled == 1)
        assert handle.in_flight == 0


async def test_a_dead_server_is_a_failure() -> None:
    async with chat_server() as server:
        model = writer(server)
    failure = await failed(model)
    assert (failure.kind, failure.code, failure.retryable) == ("FAILED", "UNAVAILABLE", True)
    assert failure.message == "cannot be reached: it refused the connection"


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_the_address_may_leave_out_the_usual_path(path: str) -> None:
    async with chat_server() as server:
        model = writer(server)
        model.endpoints[0].address += path
        await answered(model)


@pytest.mark.parametrize("lists_models", [True, False])
async def test_a_probe_needs_no_list_of_models(lists_models: bool) -> None:
    async with chat_server(lists_models=lists_models) as server, open_pool() as pool:
        assert (await probe(pool.open(writer(server)), 5.0)).ready


async def test_a_probe_says_why_a_server_is_not_ready() -> None:
    async with chat_server() as server:
        model = writer(server)
    async with open_pool() as pool:
        said = await probe(pool.open(model), 5.0)
    assert not said.ready
    assert said.message.startswith(f"{server.url}: UNAVAILABLE: ")


async def test_a_chat_model_has_no_threshold() -> None:
    async with chat_server() as server, open_pool() as pool:
        with pytest.raises(InvalidModel, match="only a classification has a threshold"):
            pool.open(writer(server)).with_overrides(Overrides(threshold=0.5))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (Input(), "input"),
        (Input(chat=ChatInput()), "input.chat.messages"),
        (Input(chat=ChatInput(messages=[ChatMessage(role="me")])), "input.chat.messages[0].role"),
        (Input(chat=ChatInput(sampling=Sampling(temperature=-1))), "input.chat.sampling.temperature"),
        (Input(chat=ChatInput(sampling=Sampling(temperature=math.nan))), "input.chat.sampling.temperature"),
        (Input(chat=ChatInput(sampling=Sampling(top_p=0))), "input.chat.sampling.top_p"),
        (Input(chat=ChatInput(sampling=Sampling(max_tokens=0))), "input.chat.sampling.max_tokens"),
    ],
)
def test_refuses_conversations_that_cannot_be_held(given: Input, field: str) -> None:
    model = writer(ChatServer())
    model.endpoints[0].address = "http://127.0.0.1:9"
    with pytest.raises(InputMismatch) as caught:
        compile_model(model).wire.prepare(given)
    assert field in told(caught.value)
