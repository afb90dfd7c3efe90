"""Embedding models behind a router, over real channels: texts in, vectors out, what is told and logged."""

import struct
from collections.abc import AsyncIterator

import pytest
from inference import open_inference_pb2 as oip
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.model_pb2 import (
    CONFIDENCE_SOURCE_SELF_CONSISTENCY,
    PROTOCOL_OPENAI_CHAT,
    PROTOCOL_OPENAI_EMBEDDINGS,
    Model,
    ModelCost,
)
from turnout.router.v1.router_pb2 import Router

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.models.datatypes import encode_bytes
from services.state.connection import Connections
from tests.models.chat_server import WIDTH, ChatServer, chat_server, vector_of
from tests.models.faults import limited
from tests.models.test_embeddings import several
from tests.router.conftest import Desk
from tests.router.execution.test_redacting import logged

TEXTS = ("a cat sat", "my name is Ann")


@pytest.fixture
async def server(desk: Desk) -> AsyncIterator[ChatServer]:
    """Asked by a router `near` over two embedding models."""
    async with chat_server() as opened:
        for name in ("mini", "maxi"):
            await desk.register(
                Model(
                    name=name,
                    protocol=PROTOCOL_OPENAI_EMBEDDINGS,
                    endpoints=[{"address": opened.url}],
                    cost=ModelCost(input_per_1k_tokens=10, currency="EUR"),
                )
            )
        yield opened


async def test_texts_become_vectors_that_are_accounted_for_and_not_logged(
    desk: Desk, server: ChatServer, connections: Connections
) -> None:
    made = await desk.deploy("near", Router(variants=[{"model": "mini"}, {"model": "maxi"}]))
    reply = await desk.call("InferenceService/Predict", PredictRequest(router="near", input=several(*TEXTS)))
    assert reply.output.embedding.dimension == WIDTH
    assert list(reply.output.embedding.values) == [*vector_of(TEXTS[0]), *vector_of(TEXTS[1])]
    (participant,) = reply.manifest.participants
    assert (participant.tokens_in, participant.cost.amount) == (7, pytest.approx(0.07))
    assert len(server.bodies) == 1
    found = await logged(connections, made)
    assert b"Ann" not in found.SerializeToString()
    assert not found.HasField("output")


async def test_a_model_servers_retry_after_is_told_to_the_caller(desk: Desk, server: ChatServer) -> None:
    await desk.deploy("near", Router(variants=[{"model": "mini"}, {"model": "maxi"}]))
    server.behave = limited(Retry_After="7")
    with pytest.raises(RemoteError) as caught:
        await desk.call("InferenceService/Predict", PredictRequest(router="near", input=Input(text="a")))
    assert (caught.value.reason, caught.value.retry_after) == ("TOO_MANY_REQUESTS", 7.0)
    assert caught.value.facts["model_code"] == "RESOURCE_EXHAUSTED"


async def test_clients_of_the_open_inference_protocol_ask_it_too(desk: Desk, server: ChatServer) -> None:
    await desk.deploy("near", Router(variants=[{"model": "mini"}, {"model": "maxi"}]))
    asked = oip.ModelInferRequest(model_name="near")
    asked.inputs.add(name="input", datatype="BYTES", shape=[2])
    asked.raw_input_contents.append(encode_bytes(text.encode() for text in TEXTS))
    client = Client(desk.address)
    reply = await client.unary("inference.GRPCInferenceService", "ModelInfer")(asked, timeout=60)
    described = oip.ModelMetadataRequest(name="near")
    told = await client.unary("inference.GRPCInferenceService", "ModelMetadata")(described, timeout=60)
    await client.close()
    (vectors,) = reply.outputs
    assert (vectors.name, vectors.datatype, list(vectors.shape)) == ("embedding", "FP32", [2, WIDTH])
    values = struct.unpack(f"<{2 * WIDTH}f", reply.raw_output_contents[0])
    assert list(values) == [*vector_of(TEXTS[0]), *vector_of(TEXTS[1])]
    assert [(one.name, one.datatype) for one in told.inputs] == [("input", "BYTES")]
    assert server.bodies[0]["input"] == list(TEXTS)


async def test_a_model_may_have_its_confidence_from_samples(desk: Desk, server: ChatServer) -> None:
    for name in ("writer", "other"):
        await desk.register(
            Model(
                name=name,
                protocol=PROTOCOL_OPENAI_CHAT,
                endpoints=[{"address": server.url}],
                confidence_from=CONFIDENCE_SOURCE_SELF_CONSISTENCY,
            )
        )
    await desk.deploy("prose", Router(variants=[{"model": "writer"}, {"model": "other"}]))
    reply = await desk.call("InferenceService/Predict", PredictRequest(router="prose", input=Input(text="a")))
    assert reply.output.text.content == "A"
    assert not reply.output.text.HasField("confidence")
