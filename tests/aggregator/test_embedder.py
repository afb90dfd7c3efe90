"""The most representative answer by embeddings of an OpenAI-compatible server, asked once for all."""

from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest
from turnout.router.v1 import ensemble_pb2 as ensemble
from turnout.router.v1 import strategy_pb2
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_EMBEDDINGS, Model

from services.foundation.errors import RemoteError
from services.models.embedding_request import LONGEST_TEXT
from tests.aggregator.conftest import Bench
from tests.aggregator.talk import QUESTION, account, helper, plan_of, speaker
from tests.models.chat_server import ChatServer, chat_server, vector_of
from tests.models.faults import limited

SEMANTIC = strategy_pb2.AGGREGATION_METHOD_SEMANTIC_MEAN
SAID = ("stocks fell in London", "the cat sat on the mat", "the cat sat on the red mat")


async def asked(bench: Bench, stack: AsyncExitStack, server: ChatServer, first: str = SAID[0]) -> Any:
    for name, line in zip("abc", (first, *SAID[1:]), strict=True):
        await speaker(bench, stack, name, line)
    endpoints = [{"address": server.url}]
    cost = {"input_per_1k_tokens": 10.0, "currency": "USD"}
    bench.register(
        Model(name="models/mini", protocol=PROTOCOL_OPENAI_EMBEDDINGS, endpoints=endpoints, cost=cost)
    )
    how = ensemble.SemanticMean(embedder=helper("mini"))
    return await bench.infer(plan_of(*"abc", aggregation=SEMANTIC, semantic_mean=how), QUESTION)


async def test_all_answers_are_embedded_in_one_call(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(chat_server())
        reply = await asked(bench, stack, server)
    vectors = np.array([vector_of(text) for text in SAID])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = SAID[int((units @ units.mean(axis=0)).argmax())]
    assert [body["input"] for body in server.bodies] == [list(SAID)]
    assert reply.output.text.content == nearest != SAID[0]
    assert account(reply)[3] == ("mini", "EMBEDDER", "CONTRIBUTED")
    embedder = reply.participants[3]
    words = sum(len(text.split()) for text in SAID)
    assert (embedder.tokens_in, round(embedder.cost.amount, 9)) == (words, words / 100)


async def test_nobody_is_asked_where_nobody_would_embed_what_they_say(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        speakers = [await speaker(bench, stack, name) for name in "ab"]
        with pytest.raises(RemoteError) as told:
            await bench.infer(plan_of(*"ab", aggregation=SEMANTIC), QUESTION)
        assert not any(one.server.bodies for one in speakers)
    (violation,) = told.value.fields
    assert (told.value.code, violation.field) == (
        "INVALID_ARGUMENT",
        "plan.ensemble.semantic_mean.embedder",
    )
    assert violation.description == "is required: a (models/a) does not answer vectors itself"


async def test_an_answer_that_is_too_long_to_embed_is_its_members_own_failure(bench: Bench) -> None:
    for length, outcome in ((LONGEST_TEXT, "CONTRIBUTED"), (LONGEST_TEXT + 1, "FAILED")):
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(chat_server())
            reply = await asked(bench, stack, server, "x" * length)
        assert account(reply)[0] == ("a", "JUROR", outcome)
        assert reply.degraded == (outcome == "FAILED")
        assert len(server.bodies[0]["input"]) == (2 if reply.degraded else 3)
    assert reply.participants[0].error_message == (
        "malformed answer: text.content: at most 131072 characters expected, which the embedder reads; "
        "got 131073"
    )
    assert account(reply)[3] == ("mini", "EMBEDDER", "CONTRIBUTED")


async def test_an_embedder_that_wants_to_be_left_alone_is_told(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(chat_server())
        server.behave = limited(Retry_After="7")
        reply = await asked(bench, stack, server)
    assert reply.output.text.content == SAID[0]
    assert reply.degraded
    assert reply.participants[3].error_code == "RESOURCE_EXHAUSTED"
    assert any("HTTP 429: slow down" in warning for warning in reply.warnings)
