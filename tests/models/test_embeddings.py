"""Embedding models over HTTP and in the Open Inference Protocol: one text or several in, a vector for each
out, and every way in which there are none."""

import base64
import json
import math
import struct
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from inference.open_inference_pb2 import ModelInferResponse
from turnout.inference.v1.input_pb2 import Input, Tensor, TensorContents, TensorInput
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1 import model_pb2 as wire
from turnout.router.v1.overrides_pb2 import Overrides

from services.models.answer import Answer, CallFailed, Failure
from services.models.connections import MESSAGE_BYTES
from services.models.datatypes import encode_bytes
from services.models.embedding_reply import read_embedding_reply
from services.models.embedding_request import LONGEST_TEXT, MOST_TEXTS
from services.models.errors import InputMismatch, InvalidModel
from services.models.handle import probe
from services.models.registration import compile_model
from tests.models.chat_server import WIDTH, ChatServer, chat_server, vector_of
from tests.models.example import churn, open_pool, told
from tests.models.faults import limited, text, truncated
from tests.models.test_chat import SPAN
from tests.models.test_strangers import anything
from tests.waiting import eventually

TEXTS = ["a cat sat", "é", "", "a dog sat down"]


def embedder(url: str, **changes: Any) -> wire.Model:
    model = wire.Model(
        name="models/minilm",
        served_name="all-minilm",
        protocol=wire.PROTOCOL_OPENAI_EMBEDDINGS,
        endpoints=[wire.Endpoint(address=url)],
        **changes,
    )
    model.timeout.FromSeconds(60)
    return model


def several(*texts: str | bytes, raw: bool = False, name: str = "input", rows: int | None = None) -> Input:
    """Texts as the aggregator sends them: one tensor of BYTES."""
    parts = [one if isinstance(one, bytes) else one.encode() for one in texts]
    tensor = Tensor(name=name, datatype="BYTES", shape=[len(parts) if rows is None else rows])
    if raw:
        return Input(tensors=TensorInput(tensors=[tensor], raw_contents=[encode_bytes(parts)]))
    tensor.contents.CopyFrom(TensorContents(bytes_contents=parts))
    return Input(tensors=TensorInput(tensors=[tensor]))


def matrix(output: Output) -> Any:
    return np.array(output.embedding.values).reshape(-1, output.embedding.dimension)


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server() as opened:
        yield opened


async def asked(server: ChatServer, given: Input, seconds: float = 60.0, **changes: Any) -> Answer | Failure:
    async with open_pool() as pool:
        handle = pool.open(embedder(server.url, **changes))
        return await handle.call(handle.prepare(given), seconds, SPAN)


async def answered(server: ChatServer, given: Input, **changes: Any) -> Answer:
    answer = await asked(server, given, **changes)
    assert isinstance(answer, Answer), answer
    return answer


async def failed(server: ChatServer, given: Input | None = None) -> Failure:
    failure = await asked(server, given or Input(text="a"))
    assert isinstance(failure, Failure), failure
    return failure


async def test_a_text_becomes_a_vector_with_tokens_and_cost(server: ChatServer) -> None:
    cost = wire.ModelCost(input_per_1k_tokens=20, output_per_1k_tokens=1e9, currency="EUR")
    answer = await answered(server, Input(text="a cat sat"), cost=cost)
    assert answer.output.embedding.dimension == WIDTH
    assert list(answer.output.embedding.values) == vector_of("a cat sat")
    assert (answer.tokens_in, answer.tokens_out, answer.confidence) == (3, None, None)
    assert answer.cost == pytest.approx(0.06)
    asked_for = {"model": "all-minilm", "encoding_format": "base64", "input": ["a cat sat"]}
    assert server.bodies == [asked_for]
    assert server.headers["traceparent"] == f"00-{SPAN.trace_id}-{answer.span_id}-00"


@pytest.mark.parametrize("raw", [False, True])
async def test_several_texts_are_one_call_and_keep_their_order(server: ChatServer, raw: bool) -> None:
    answer = await answered(server, several(*TEXTS, raw=raw))
    assert [body["input"] for body in server.bodies] == [TEXTS]
    assert matrix(answer.output).tolist() == [vector_of(one) for one in TEXTS]


async def test_the_tensor_is_named_as_the_layout_says(server: ChatServer) -> None:
    signature = wire.Signature(layout=wire.TensorLayout(input_name="text"))
    await answered(server, several("a", name="text"), signature=signature)
    with pytest.raises(InputMismatch) as caught:
        await asked(server, several("a", name="words"), signature=signature)
    assert "'text' is missing" in told(caught.value)["input.tensors.tensors"]


async def test_vectors_out_of_order_and_as_decimals_are_read(server: ChatServer) -> None:
    data = [{"index": place, "embedding": [place, 0.5]} for place in (2, 0, 1)]
    server.answering({"data": data})
    answer = await answered(server, several("a", "b", "c"))
    assert matrix(answer.output).tolist() == [[0, 0.5], [1, 0.5], [2, 0.5]]
    assert answer.tokens_in is None
    server.answering({"data": [{"embedding": one["embedding"]} for one in data]})
    assert matrix((await answered(server, several("a", "b", "c"))).output)[:, 0].tolist() == [2, 0, 1]


def vectors(*given: object, indices: list[Any] | None = None) -> dict[str, Any]:
    places = indices or list(range(len(given)))
    return {"data": [{"index": at, "embedding": one} for at, one in zip(places, given, strict=True)]}


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (vectors([1.0]), "1 embeddings for 2 texts"),
        (vectors([1.0], [1.0], [1.0]), "3 embeddings for 2 texts"),
        (vectors([1.0], [1.0, 2.0]), "embeddings of one dimension expected, got [1, 2]"),
        (vectors([], []), "embeddings of one dimension expected, got [0]"),
        (vectors([1.0], [math.nan]), "embedding 1 holds a value that is not finite"),
        (vectors([1e300], [1.0]), "embedding 0 holds a value that is not finite"),
        (vectors([1.0], [2.0], indices=[1, 1]), "the embeddings' indices are not those of 2 texts: [1, 1]"),
        (vectors([1.0], [2.0], indices=[1, 2]), "indices are not those of 2 texts: [1, 2]"),
        (vectors([1.0], [2.0], indices=[0, None]), "vectors as numbers, or as base64"),
        (vectors(["1.0"], [1.0]), "data[0].embedding[0]: a number expected, got a text"),
        (vectors("AAAA", "AAAA"), "or as base64 of 32-bit floats, expected"),
        (vectors("no base64!", ""), "not a list of embeddings"),
        (vectors([[1.0]], [[1.0]]), "data[0].embedding[0]: a number expected, got a list"),
        (vectors(None, [1.0]), "data[0].embedding: a list of numbers, or base64 of them, expected"),
        ({"data": None}, "data: a list expected, got null"),
        ([], "the whole: an object expected, got a list"),
    ],
)
def test_what_is_no_vector_for_each_text_is_a_failure(reply: object, says: str) -> None:
    with pytest.raises(CallFailed) as caught:
        read_embedding_reply(json.dumps(reply).encode(), 2)
    assert says in caught.value.message
    assert caught.value.code == "INTERNAL"


@given(st.fixed_dictionaries({"data": st.lists(st.fixed_dictionaries({"embedding": anything}))}) | anything)
def test_any_json_is_read_or_refused(reply: object) -> None:
    try:
        read = read_embedding_reply(json.dumps(reply).encode(), 1)
    except CallFailed:
        return
    assert np.isfinite(matrix(read.output)).all()


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
@settings(max_examples=50)
def test_either_encoding_says_the_same(values: list[float]) -> None:
    packed = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
    read = [
        read_embedding_reply(json.dumps(vectors(one)).encode(), 1).output.embedding
        for one in (values, packed)
    ]
    assert read[0] == read[1]
    assert list(read[0].values) == values
    assert read[0].dimension == len(values)


@pytest.mark.parametrize("wrong", [-3, "3", 2.5, True, None, 2**70])
async def test_wrong_usage_is_unknown_and_not_free(server: ChatServer, wrong: object) -> None:
    server.answering(vectors([1.0]) | {"usage": {"prompt_tokens": wrong}})
    answer = await answered(server, Input(text="a"), cost=wire.ModelCost(input_per_1k_tokens=1))
    assert (answer.tokens_in, answer.cost) == (None, None)


async def test_a_limit_a_breakdown_and_an_error_of_200_are_told(server: ChatServer) -> None:
    server.behave = limited(Retry_After="7")
    failure = await failed(server)
    assert (failure.code, failure.message) == ("RESOURCE_EXHAUSTED", "HTTP 429: slow down")
    assert (failure.retryable, failure.retry_after, failure.error.retry_after) == (False, 7.0, 7.0)
    server.behave = truncated
    assert (await failed(server)).message == "the connection was closed before it had answered"
    server.behave = text('{"data": [')
    assert (await failed(server)).message.startswith("malformed reply: not a list of embeddings")
    server.answering({"error": {"message": "out of memory"}})
    assert (await failed(server)).message == "the server gave up: out of memory"


async def test_the_timeout_is_strict_and_ends_the_call_on_the_server(server: ChatServer) -> None:
    server.behave = server.hang
    failure = await asked(server, Input(text="a"), seconds=0.05)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == ("TIMED_OUT", "no answer within 0.05 s")
    await eventually(lambda: server.cancelled == 1 and server.in_flight == 0)


async def test_a_probe_and_no_stream(server: ChatServer) -> None:
    async with open_pool() as pool:
        handle = pool.open(embedder(server.url))
        assert (await probe(handle, 60.0)).ready
        assert not handle.streams
        with pytest.raises(InvalidModel, match="an embedding model has nothing to override"):
            handle.with_overrides(Overrides(system_prompt="be brief"))


async def test_as_many_and_as_long_texts_as_allowed_and_no_more(server: ChatServer) -> None:
    many = await answered(server, several(*["a"] * MOST_TEXTS))
    assert len(matrix(many.output)) == MOST_TEXTS
    await answered(server, Input(text="x" * LONGEST_TEXT))
    bench = len(server.bodies)
    for given_, field in (
        (several(*["a"] * (MOST_TEXTS + 1)), "input.tensors.tensors[0].shape"),
        (Input(text="x" * (LONGEST_TEXT + 1)), "input.text"),
        (several("", "é" * (LONGEST_TEXT + 1)), "input.tensors.tensors[0].contents.bytes_contents[1]"),
    ):
        with pytest.raises(InputMismatch) as caught:
            await asked(server, given_)
        assert "at most" in told(caught.value)[field]
    assert len(server.bodies) == bench


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
async def test_a_reply_as_large_as_allowed_and_no_larger(server: ChatServer, more: int, fits: bool) -> None:
    said = json.dumps(vectors([1.0, 2.0])).encode()

    async def pad(_request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=said + b" " * (MESSAGE_BYTES - len(said) + more))

    server.behave = pad
    answer = await asked(server, Input(text="a"))
    assert isinstance(answer, Answer) == fits
    if isinstance(answer, Failure):
        assert answer.message == f"malformed reply: larger than {MESSAGE_BYTES} bytes"


@pytest.mark.parametrize(
    ("given_", "field", "says"),
    [
        (Input(), "input", "text or tensors ('input', BYTES [rows]) expected, got nothing"),
        (Input(chat={}), "input", "got chat"),
        (several(), "input.tensors.tensors[0].shape", "at least one row"),
        (several(b"\xff"), "input.tensors.tensors[0].contents.bytes_contents[0]", "UTF-8"),
        (several(b"a", b"\xff", raw=True), "input.tensors.raw_contents[0][1]", "UTF-8"),
        (several("a", "b", raw=True, rows=3), "input.tensors.raw_contents[0]", "3 texts expected"),
        (several("a", rows=3), "input.tensors.tensors[0].contents.bytes_contents", "3 values expected"),
        (
            Input(tensors={"tensors": [{"name": "input", "datatype": "FP32", "shape": [1]}]}),
            "input.tensors.tensors[0].datatype",
            "BYTES expected",
        ),
    ],
)
def test_refuses_what_is_no_text(given_: Input, field: str, says: str) -> None:
    with pytest.raises(InputMismatch) as caught:
        compile_model(embedder("http://127.0.0.1:9")).wire.prepare(given_)
    assert says in told(caught.value)[field]


def oip_embedder() -> wire.Model:
    model = churn()
    model.signature.Clear()
    model.signature.outputs.embedding = "vector"
    return model


def oip_reply(kind: str, shape: list[int], raw: bytes) -> bytes:
    reply = ModelInferResponse(raw_output_contents=[raw])
    reply.outputs.add(name="vector", datatype=kind, shape=shape)
    return reply.SerializeToString()


@pytest.mark.parametrize(("kind", "code"), [("FP64", "d"), ("FP32", "f"), ("FP16", "e")])
def test_an_open_inference_model_may_answer_with_embeddings(kind: str, code: str) -> None:
    reader = compile_model(oip_embedder()).wire
    assert reader.gives == ("vector",)
    request = reader.prepare(several("a", "b", raw=True))
    reply = oip_reply(kind, [2, 3], struct.pack(f"<6{code}", *range(6)))
    assert matrix(reader.read(reply, request.rows).output).tolist() == [[0, 1, 2], [3, 4, 5]]
    # The second of one row is read by its form.
    for values in ((1, 2), (3, 4)):
        single = oip_reply(kind, [1, 2], struct.pack(f"<2{code}", *values))
        assert list(reader.read(single, 1).output.embedding.values) == list(values)


@pytest.mark.parametrize(
    ("kind", "shape", "raw", "says"),
    [
        ("INT8", [1, 2], b"ab", "numbers of type FP, not INT8"),
        ("FP32", [1, 2], struct.pack("<2f", 1, math.nan), "embedding 0 holds a value that is not finite"),
        ("FP64", [1, 1], struct.pack("<d", 1e300), "embedding 0 holds a value that is not finite"),
        ("FP32", [1, 2, 3], bytes(24), "has shape [1, 2, 3]; [rows] or [rows, values] expected"),
        ("FP32", [2, 2], bytes(16), "has shape [2, 2] for 1 rows"),
    ],
)
def test_tensors_that_are_no_embeddings_are_a_failure(
    kind: str, shape: list[int], raw: bytes, says: str
) -> None:
    with pytest.raises(CallFailed) as caught:
        compile_model(oip_embedder()).wire.read(oip_reply(kind, shape, raw), 1)
    assert says in caught.value.message


def test_an_embedding_needs_its_tensor_and_no_other() -> None:
    model = oip_embedder()
    model.signature.outputs.kind = wire.OUTPUT_KIND_EMBEDDING
    compile_model(model)
    model.signature.outputs.ClearField("embedding")
    model.signature.outputs.value = "vector"
    with pytest.raises(InvalidModel) as caught:
        compile_model(model)
    assert told(caught.value) == {
        "model.signature.outputs.value": "an answer of EMBEDDING does not read it",
        "model.signature.outputs.embedding": "an answer of EMBEDDING needs the name of a tensor",
    }
