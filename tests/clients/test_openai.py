"""The official openai client, unmodified, talks to the server that our tests talk to: what it sends we send,
and what it reads in a reply we read."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from google.protobuf.json_format import ParseDict
from turnout.inference.v1.input_pb2 import ChatInput, ChatMessage, Input
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1 import model_pb2 as wire

from services.models.answer import Answer, Failure
from tests.clients.environments import PROGRAMS, environment
from tests.models.chat_server import ChatServer, chat_server, completion, vector_of
from tests.models.example import open_pool
from tests.models.faults import limited, truncated
from tests.models.speech import Speech
from tests.models.test_chat import HELLO, ask, writer
from tests.models.test_embeddings import embedder, several
from tests.models.test_streaming import heard

# An environment that is made first takes minutes.
pytestmark = pytest.mark.timeout(900)
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
FUNCTION = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"maximum": 2}}}}


class Official:
    """The client in its process; `says` has it do one thing of its program."""

    def __init__(self, process: asyncio.subprocess.Process, server: ChatServer) -> None:
        self._process = process
        self.server = server

    async def says(self, what: str) -> Any:
        """What it makes of the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n".encode())
        async with asyncio.timeout(60):
            line = await self._process.stdout.readline()
        assert line, "the client ended; its complaints are in the test's error output"
        return json.loads(line)


@pytest.fixture
async def official() -> AsyncIterator[Official]:
    program: Path = PROGRAMS / "openai_client.py"
    python = await environment("openai")
    async with chat_server() as server:
        process = await asyncio.create_subprocess_exec(
            python, program, server.url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            yield Official(process, server)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def ours(model: wire.Model, given: Input) -> Answer | Failure:
    async with open_pool() as pool:
        return await ask(pool.open(model), given)


def said(output: Output) -> tuple[str, str, list[list[str]]]:
    text = output.text
    calls = [[one.id, one.name, one.arguments] for one in text.tool_calls]
    return text.content, text.finish_reason, calls


def agree(theirs: dict[str, Any], answer: Answer | Failure) -> None:
    """Both read the same in the same reply."""
    assert isinstance(answer, Answer), answer
    found = theirs["content"] or "", theirs["finish_reason"], theirs["tool_calls"]
    assert found == said(answer.output)
    assert theirs["usage"] == [answer.tokens_in, answer.tokens_out]


def conversation(*messages: dict[str, Any], **more: Any) -> Input:
    given = Input(chat=ChatInput(messages=[ParseDict(one, ChatMessage()) for one in messages]))
    ParseDict(more, given.chat)
    return given


USER = {"role": "user", "content": "good morning"}
CALLED = {"id": "call-1", "name": "add", "arguments": '{"a": 1}'}
ASKED: dict[str, Input] = {
    "chat": conversation(
        USER, sampling={"temperature": 0, "topP": 0.5, "seed": 11, "stop": ["END"], "maxTokens": 7}
    ),
    "tools": conversation(
        USER, tools=[{"type": "function", "function": FUNCTION}], responseFormat={"type": "json_object"}
    ),
    "called": conversation(
        {"role": "user", "content": "add"},
        {"role": "assistant", "toolCalls": [CALLED]},
        {"role": "tool", "content": "two", "toolCallId": "call-1"},
    ),
}


@pytest.mark.parametrize("what", ASKED)
async def test_both_say_and_read_the_same(official: Official, what: str) -> None:
    theirs = await official.says(what)
    agree(theirs, await ours(writer(official.server), ASKED[what]))
    assert official.server.bodies[0] == official.server.bodies[1]


async def test_tool_calls_and_images(official: Official) -> None:
    async def call(_request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return web.json_response(completion(body, choice, 2, 9))

    official.server.behave = call
    theirs = await official.says("image")
    shown = {"role": "user", "content": "What?", "images": [{"content": "iVBORw==", "mime": "image/png"}]}
    agree(theirs, await ours(writer(official.server), conversation(shown)))
    assert theirs["tool_calls"] == [["c1", "add", '{"a": 1}']]
    assert official.server.bodies[0] == official.server.bodies[1]


@pytest.mark.parametrize("calls", [False, True])
async def test_pieces_and_their_usage(official: Official, calls: bool) -> None:
    speech = Speech()
    if calls:
        start = {"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a"'}}
        rest = {"index": 0, "function": {"arguments": ": 1}"}}
        speech.extra = [{"delta": {"tool_calls": [part]}} for part in (start, rest)]
    official.server.behave = speech
    theirs = await official.says("stream")
    pieces, answer = await heard(official.server)
    agree(theirs, answer)
    assert theirs["content"] == "".join(pieces) == "Good morning!"
    assert theirs["usage"] == [2, 3]
    assert official.server.bodies[0] == official.server.bodies[1]


async def test_limits_and_breakdowns(official: Official) -> None:
    official.server.behave = limited(Retry_After="7")
    theirs = await official.says("refused")
    assert (theirs["kind"], theirs["retry_after"]) == ("RateLimitError", "7")
    failure = await ours(writer(official.server), HELLO)
    assert isinstance(failure, Failure)
    assert failure.retry_after == 7.0
    assert "slow down" in theirs["message"]
    assert "slow down" in failure.message
    official.server.behave = truncated
    assert (await official.says("refused"))["kind"] == "APIConnectionError"


async def test_embeddings(official: Official) -> None:
    theirs, decimals = await official.says("embeddings"), await official.says("decimals")
    answer = await ours(embedder(official.server.url), several("a cat sat", "é"))
    assert isinstance(answer, Answer)
    # The client asks for base64 by itself, as we do.
    assert official.server.bodies[0] == official.server.bodies[2]
    assert official.server.bodies[1]["encoding_format"] == "float"
    assert theirs == decimals == {"values": [vector_of("a cat sat"), vector_of("é")], "usage": 4}
    assert list(answer.output.embedding.values) == [*vector_of("a cat sat"), *vector_of("é")]
    assert answer.tokens_in == 4
