"""StreamPredict of ensembles: the words of the final step as they come, and one account of everybody."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, NamedTuple

import pytest
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_VOTE

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.models.chat_server import ChatServer, chat_server
from tests.models.speech import Speech
from tests.router.conftest import Desk
from tests.router.execution.acting import Log, told
from tests.waiting import eventually


class Choir(NamedTuple):
    """A router over two chats, and a third that makes one answer of theirs."""

    desk: Desk
    client: Client
    voices: dict[str, ChatServer]

    async def sing(self, router: str) -> AsyncIterator[rpc.StreamPredictResponse]:
        """What StreamPredict says."""
        request = rpc.StreamPredictRequest(router=router)
        request.request.input.text = "good morning"
        call = self.client.stream("turnout.router.v1.InferenceService", "StreamPredict")
        async with aclosing(call(request, timeout=20.0)) as messages:  # type: ignore[type-var]
            async for message in messages:
                yield message


@pytest.fixture
async def choir(panel: Desk) -> AsyncIterator[Choir]:
    async with AsyncExitStack() as stack:
        voices = {}
        for name in ("one", "two", "fuser"):
            server = voices[name] = await stack.enter_async_context(chat_server())
            endpoints = [{"address": server.url}]
            await panel.register(
                Model(name=f"models/{name}", protocol=PROTOCOL_OPENAI_CHAT, endpoints=endpoints)
            )
        fused = {"mixture_of_n": {"fuser": {"model": "fuser"}}, "member_retries": 0}
        await panel.deploy("fused", pair(ensemble=fused))
        client = Client(panel.address)
        stack.push_async_callback(client.close)
        yield Choir(panel, client, voices)


def pair(**how: Any) -> Router:
    return Router(variants=[{"model": "one"}, {"model": "two"}], **how)


async def test_the_words_of_the_fuser_come_as_it_speaks(choir: Choir, log: Log) -> None:
    choir.voices["fuser"].behave = Speech(("Guten ", "Morgen"))
    *words, last = [message async for message in choir.sing("fused")]
    assert [message.delta for message in words] == ["Guten ", "Morgen"]
    assert last.response.output.text.content == "Guten Morgen"
    roles = [one.role for one in last.response.manifest.participants]
    assert roles.count(manifest.PARTICIPANT_ROLE_FUSER) == 1
    assert last.response.manifest.decision.explanation == (
        "all 2 members are asked, and models/fuser makes one answer of theirs"
    )
    (event,) = await log.predictions()
    assert event.manifest == last.response.manifest


async def test_an_answer_of_nobody_alone_comes_in_one_piece(choir: Choir) -> None:
    await choir.desk.deploy("vote", pair(ensemble={"aggregation": AGGREGATION_METHOD_VOTE}))
    (message,) = [message async for message in choir.sing("vote")]
    assert message.delta == message.response.output.text.content != ""
    assert told(message.response.manifest.participants)[0][1] == "JUROR"


async def test_who_leaves_stops_everybody_and_is_accounted_for(choir: Choir, log: Log) -> None:
    choir.voices["fuser"].behave = Speech(("Guten ", "Morgen"), hold=1)
    async with aclosing(choir.sing("fused")) as words:  # type: ignore[type-var]
        assert (await anext(words)).delta == "Guten "
    (event,) = await log.predictions()
    assert event.error_code == "CANCELLED"
    assert sorted(told(event.manifest.participants)) == [
        ("", "FUSER", "CANCELLED"),
        ("one", "JUROR", "DISCARDED"),
        ("two", "JUROR", "DISCARDED"),
    ]
    assert {one.tokens_in > 0 for one in event.manifest.participants if one.variant} == {True}
    await eventually(lambda: choir.voices["fuser"].in_flight == 0)


async def test_a_failure_is_the_callers_with_the_predictions_id(choir: Choir) -> None:
    for voice in ("one", "two"):
        choir.voices[voice].answering({"error": {"message": "full"}}, status=503)
    with pytest.raises(RemoteError) as caught:
        [message async for message in choir.sing("fused")]
    assert caught.value.reason == "QUORUM_NOT_MET"
    assert caught.value.facts["prediction_id"] in caught.value.message
