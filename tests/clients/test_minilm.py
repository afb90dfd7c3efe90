"""A real embedding model, all-MiniLM-L6-v2 in int8, behind an OpenAI-compatible server of its own process."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from turnout.router.v1 import model_pb2 as wire

from services.models.answer import Answer
from services.models.handle import probe
from tests.clients.environments import PROGRAMS, environment
from tests.models.example import open_pool
from tests.models.test_chat import ask
from tests.models.test_embeddings import embedder, matrix, several

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
