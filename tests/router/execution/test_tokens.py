"""StreamPredict: token by token, with another variant's answer before the first token and none after it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model
from turnout.router.v1.router_pb2 import REDACTION_FULL, Router

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.models.chat_server import ChatServer, chat_server
from tests.models.speech import Speech
from tests.router.conftest import Desk
from tests.router.execution.acting import DRAWN, Log, question, told, ward
from tests.waiting import eventually

# Chats are logged as hashes where nobody says otherwise.
IN_FULL = {"redact": {"output": REDACTION_FULL}}
SERVICE = "turnout.router.v1.InferenceService"


class Stage:
    """A router over two chat models, the first of which is always drawn and the second its fallback."""

    def __init__(self, desk: Desk, first: ChatServer, second: ChatServer) -> None:
        self.desk, self.first, self.second = desk, first, second
        self.client = Client(desk.address)

    async def hear(self, **how: Any) -> tuple[str, rpc.PredictResponse]:
        """The deltas put together, and the last message's response."""
        said, last = "", None
        async for message in self.stream(**how):
            said += message.delta
            assert last is None, "nothing comes after the response"
            last = message.response if message.HasField("response") else None
        assert last is not None
        return said, last

    async def stream(self, within: float = 20.0, **how: Any) -> AsyncIterator[rpc.StreamPredictResponse]:
        request = rpc.StreamPredictRequest(router="chat", request=rpc.PredictRequest(**how))
        if not request.request.HasField("input"):
            request.request.input.text = "good morning"
        call = self.client.stream(SERVICE, "StreamPredict")
        async with aclosing(call(request, timeout=within)) as messages:  # type: ignore[type-var]
            async for message in messages:
                yield message

    async def fail(self, **how: Any) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            await self.hear(**how)
        return caught.value


def talker(name: str, server: ChatServer) -> Model:
    return Model(name=f"models/{name}", protocol=PROTOCOL_OPENAI_CHAT, endpoints=[{"address": server.url}])


@pytest.fixture
async def stage(desk: Desk) -> AsyncIterator[Stage]:
    async with chat_server() as first, chat_server() as second:
        await desk.register(talker("one", first))
        await desk.register(talker("two", second))
        variants = [{"model": "one", "weight": 1}, {"model": "two", "weight": 0}]
        await desk.deploy("chat", Router(variants=variants, fallback={"variants": ["two"]}, log=IN_FULL))
        opened = Stage(desk, first, second)
        yield opened
        await opened.client.close()


async def test_tokens_come_as_they_are_said_and_the_account_in_the_end(stage: Stage, log: Log) -> None:
    speech = stage.first.behave = Speech(hold=1)
    messages = stage.stream(request_id="mine", entity_id="user-1")
    async with aclosing(messages):  # type: ignore[type-var]
        assert (await anext(messages)).delta == "Good"
        speech.go.set()
        rest = [message async for message in messages]
    assert [message.delta for message in rest] == [" morning", "!", ""]
    reply = rest[-1].response
    assert reply.output.text.content == "Good morning!"
    assert reply.request_id == "mine"
    assert told(reply.manifest.participants) == [("one", "PRIMARY", "SERVED")]
    (participant,) = reply.manifest.participants
    assert (participant.tokens_in, participant.tokens_out) == (2, 3)
    assert not reply.manifest.degraded
    (event,) = await log.predictions()
    assert (event.manifest, event.output, event.entity_id) == (reply.manifest, reply.output, "user-1")


async def test_before_the_first_token_the_next_variant_takes_over(stage: Stage, log: Log) -> None:
    stage.first.answering({"error": {"message": "overloaded"}}, status=503)
    stage.second.behave = Speech()
    said, reply = await stage.hear()
    assert said == reply.output.text.content == "Good morning!"
    assert told(reply.manifest.participants) == [("one", "PRIMARY", "FAILED"), ("two", "FALLBACK", "SERVED")]
    assert reply.manifest.degraded
    assert reply.manifest.decision.variant == "one"
    (event,) = await log.predictions()
    assert [one.participant for one in event.outputs] == [1]


async def test_one_that_says_nothing_leaves_the_next_its_time(stage: Stage) -> None:
    stage.first.behave = Speech(hold=0)
    stage.second.behave = Speech()
    said, reply = await stage.hear(within=3.0)
    assert said == "Good morning!"
    assert told(reply.manifest.participants)[0] == ("one", "PRIMARY", "TIMED_OUT")
    await eventually(lambda: stage.first.in_flight == 0)


@pytest.mark.parametrize("end", ["broken", "silent", "error"])
async def test_after_the_first_token_nobody_else_speaks(stage: Stage, log: Log, end: str) -> None:
    stage.first.behave = Speech(end=end)
    heard = []

    async def listen() -> None:
        async for message in stage.stream():
            heard.append(message.delta)  # noqa: PERF401 (what came before it broke off)

    with pytest.raises(RemoteError) as caught:
        await listen()
    assert heard == ["Good", " morning", "!"]
    (event,) = await log.predictions()
    assert caught.value.code == "UNAVAILABLE"
    assert caught.value.facts["prediction_id"] == event.manifest.prediction_id
    assert told(event.manifest.participants) == [("one", "PRIMARY", "FAILED")]
    assert event.error_code == "UNAVAILABLE"
    assert stage.second.bodies == []


async def test_a_client_that_leaves_ends_the_call_and_is_logged(stage: Stage, log: Log) -> None:
    stage.first.behave = Speech(hold=1)
    messages = stage.stream()
    async with aclosing(messages):  # type: ignore[type-var]
        assert (await anext(messages)).delta == "Good"
    await eventually(lambda: stage.first.in_flight == 0 and stage.first.cancelled == 1)
    (event,) = await log.predictions()
    assert event.error_code == "CANCELLED"
    assert told(event.manifest.participants) == [("one", "PRIMARY", "CANCELLED")]
    assert stage.second.bodies == []


async def test_a_client_that_leaves_before_the_first_token_is_logged_too(stage: Stage, log: Log) -> None:
    stage.first.behave = Speech(hold=0)
    hearing = asyncio.ensure_future(stage.hear())
    await eventually(lambda: stage.first.in_flight == 1)
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    (event,) = await log.predictions()
    assert told(event.manifest.participants) == [("one", "PRIMARY", "CANCELLED")]


async def test_where_all_fail_the_chosen_one_is_blamed(stage: Stage) -> None:
    stage.first.answering({"error": {"message": "one is full"}}, status=503)
    stage.second.answering({"error": {"message": "two is full"}}, status=503)
    error = await stage.fail()
    assert "one is full" in error.message


async def test_a_pin_is_for_that_variant(stage: Stage) -> None:
    stage.first.answering({"error": {"message": "one is full"}}, status=503)
    await stage.fail(variant="one")
    assert stage.second.bodies == []


async def test_models_that_know_no_tokens_answer_in_one_piece(stage: Stage) -> None:
    await stage.desk.deploy("cancer", ward())
    request = rpc.StreamPredictRequest(router="cancer", request=question("cancer"))
    call = stage.client.stream(SERVICE, "StreamPredict")
    messages = [message async for message in call(request, timeout=20.0)]
    assert [message.delta for message in messages] == [""]
    assert messages[0].response.output.classification.label in ("benign", "malignant")
    assert told(messages[0].response.manifest.participants) == [(DRAWN, "PRIMARY", "SERVED")]


async def test_a_shadow_of_a_stream_sees_its_copy(stage: Stage, log: Log) -> None:
    variants = [{"model": "one", "weight": 1}, {"model": "two", "weight": 0}]
    await stage.desk.deploy("mirrored", Router(variants=variants, mirror={"variants": ["two"]}, log=IN_FULL))
    stage.first.behave = Speech()
    request = rpc.StreamPredictRequest(router="mirrored")
    request.request.input.text = "good morning"
    call = stage.client.stream(SERVICE, "StreamPredict")
    *_, last = [message async for message in call(request, timeout=20.0)]
    assert told(last.response.manifest.participants)[1] == ("two", "SHADOW", "PENDING")
    (late,) = await log.completions()
    assert late.output.text.content == "GOOD MORNING"
    assert not late.participant.agrees
    # A copy is not streamed: nobody listens.
    assert "stream" not in stage.second.bodies[0]


async def test_a_question_for_another_router_is_refused(stage: Stage) -> None:
    error = await stage.fail(router="cancer")
    assert (error.code, [one.field for one in error.fields]) == ("INVALID_ARGUMENT", ["request.router"])


async def test_a_call_without_a_router_is_told_so_whatever_its_question_names(stage: Stage) -> None:
    request = rpc.StreamPredictRequest(request={"router": "cancer", "input": {"text": "good morning"}})
    with pytest.raises(RemoteError) as refused:
        _ = [one async for one in stage.client.stream(SERVICE, "StreamPredict")(request, timeout=20.0)]
    assert refused.value.code == "INVALID_ARGUMENT"
    assert [one.field for one in refused.value.fields] == ["router"]


async def test_what_a_question_lacks_is_named_where_it_lies(stage: Stage) -> None:
    error = await stage.fail(external_id="x" * 257)
    assert [one.field for one in error.fields] == ["request.external_id"]
    assert error.message.startswith("request.external_id: ")


async def test_a_router_that_is_named_only_inside_is_asked_for(desk: Desk) -> None:
    request = rpc.StreamPredictRequest(request=rpc.PredictRequest(router="chat"))
    request.request.input.text = "good morning"
    with pytest.raises(RemoteError, match=r"^router is required") as caught:
        async for _ in Client(desk.address).stream(SERVICE, "StreamPredict")(request, timeout=20.0):
            pass
    assert [name for name, _ in caught.value.fields] == ["router"]
