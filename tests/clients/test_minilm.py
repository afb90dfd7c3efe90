"""A real embedding model, all-MiniLM-L6-v2 in int8, behind an OpenAI-compatible server of its own process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_EMBEDDER
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import model_pb2 as wire
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.strategy_pb2 import AGGREGATION_METHOD_SEMANTIC_MEAN

from services.models.answer import Answer
from services.models.handle import probe
from services.state.connection import Connections
from tests.clients.environments import PROGRAMS, environment
from tests.models.chat_server import chat_server, completion
from tests.models.example import open_pool
from tests.models.test_chat import ask
from tests.models.test_embeddings import embedder, matrix, several
from tests.router.panels import running_panel

# An environment that is made first takes minutes.
pytestmark = pytest.mark.timeout(900)

# Two ways to say the same, five times; fixed before the model was first asked.
PAIRS = [
    ("The cat is sleeping on the sofa.", "A kitten naps on the couch."),
    (
        "Shares fell sharply after the bank cut its forecast.",
        "The lender's stock plunged on a weaker outlook.",
    ),
    ("How do I reset my password?", "I forgot my login; how can I get a new one?"),
    ("It will rain heavily tomorrow.", "Expect a downpour the day after today."),
    ("Paris is the capital of France.", "The French capital is Paris."),
]


@pytest.fixture
async def minilm() -> AsyncIterator[str]:
    """The address of the server."""
    python = await environment("minilm")
    process = await asyncio.create_subprocess_exec(
        python, PROGRAMS / "minilm_server.py", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            port = (await process.stdout.readline()).decode().strip()
        assert port, "the server ended; its complaints are in the test's error output"
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_paraphrases_are_nearer_than_strangers(minilm: str) -> None:
    model = embedder(minilm, cost=wire.ModelCost(input_per_1k_tokens=1.0))
    texts = [text for pair in PAIRS for text in pair]
    async with open_pool() as pool:
        handle = pool.open(model)
        assert (await probe(handle, 60.0)).ready
        answer = await ask(handle, several(*texts))
        single = await ask(handle, several(texts[3]))
    assert isinstance(answer, Answer), answer
    assert isinstance(single, Answer), single
    vectors = matrix(answer.output)
    assert vectors.shape == (10, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(10), abs=1e-5)
    near = vectors @ vectors.T
    np.fill_diagonal(near, -1.0)
    # Of all nine others, the nearest is the paraphrase.
    assert near.argmax(axis=1).tolist() == [place ^ 1 for place in range(10)]
    assert matrix(single.output)[0] == pytest.approx(vectors[3], abs=1e-5)
    assert answer.tokens_in is not None
    assert answer.tokens_in > 60
    assert answer.cost == pytest.approx(answer.tokens_in / 1000)


# The second says the most of what the others say; fixed before the model was first asked.
ANSWERS = {
    "terse": "It is Paris.",
    "plain": "The capital of France is Paris.",
    "wordy": "France is a country in Europe, and its capital city is Paris.",
    "astray": "Bananas are rich in potassium.",
}
PRICE = wire.ModelCost(input_per_1k_tokens=0.5, currency="USD")


async def speak(_request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Each model has its answer."""
    message = {"role": "assistant", "content": ANSWERS[body["model"]]}
    return web.json_response(
        completion(body, {"index": 0, "message": message, "finish_reason": "stop"}, 7, 9)
    )


async def test_a_jury_answers_what_is_nearest_to_all_its_answers(
    minilm: str, redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with open_pool() as pool:
        direct = await ask(pool.open(embedder(minilm)), several(*ANSWERS.values()))
    assert isinstance(direct, Answer), direct
    async with running_panel(redis_url, tmp_path) as desk, chat_server() as server:
        server.behave = speak
        for name in ANSWERS:
            endpoints = [{"address": server.url}]
            await desk.register(
                wire.Model(name=name, protocol=wire.PROTOCOL_OPENAI_CHAT, endpoints=endpoints)
            )
        await desk.register(embedder(minilm, cost=PRICE), patience=60.0)
        how = {
            "aggregation": AGGREGATION_METHOD_SEMANTIC_MEAN,
            "semantic_mean": {"embedder": {"model": "minilm"}},
        }
        await desk.deploy("nearest", Router(variants=[{"model": name} for name in ANSWERS], ensemble=how))
        request = inference.PredictRequest(router="nearest", input={"text": "The capital of France?"})
        reply = await desk.call("InferenceService/Predict", request)
    units = matrix(direct.output)
    cosines = units @ units.mean(axis=0)
    wanted = list(ANSWERS)[int(cosines.argmax())]
    assert (wanted, reply.output.text.content) == ("plain", ANSWERS["plain"])
    pairs = (units @ units.T)[np.triu_indices(len(ANSWERS), 1)]
    assert reply.manifest.aggregation.distance == pytest.approx(1 - pairs.mean(), abs=1e-3)
    *jurors, last = reply.manifest.participants
    assert [one.variant for one in jurors] == list(ANSWERS)
    assert (last.role, last.model) == (PARTICIPANT_ROLE_EMBEDDER, "models/minilm")
    assert last.cost.amount == pytest.approx(last.tokens_in * 0.5 / 1000)
