"""Whatever a caller sends is read or refused; whatever a model replies is an answer or a failure."""

import json
import struct
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from inference.open_inference_pb2 import ModelInferResponse
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import model_pb2 as wire

from services.models.answer import MESSAGE_LENGTH, CallFailed, Reply
from services.models.datatypes import DATATYPES
from services.models.errors import InputMismatch
from services.models.registration import compile_model
from services.models.signature import Request
from tests.models.example import churn, stacked


def output(**spec: Any) -> wire.Model:
    model = churn()
    model.signature.outputs.CopyFrom(wire.OutputSpec(**spec))
    return model


def chat(source: wire.ConfidenceSource) -> wire.Model:
    pointed = source == wire.CONFIDENCE_SOURCE_JSON_POINTER
    model = wire.Model(
        name="models/writer",
        protocol=wire.PROTOCOL_OPENAI_CHAT,
        endpoints=[wire.Endpoint(address="http://127.0.0.1:9")],
        confidence_from=source,
        confidence_pointer="/a/0" if pointed else "",
    )
    model.timeout.FromSeconds(1)
    return model


READERS = [
    compile_model(model).wire
    for model in (
        churn(),
        output(label="label"),
        output(probabilities="scores", class_order=["no", "yes"]),
        output(value="label"),
        output(text="label"),
        output(),
    )
]
CHATS = [
    compile_model(chat(source)).wire
    for source in (wire.CONFIDENCE_SOURCE_LOGPROB, wire.CONFIDENCE_SOURCE_JSON_POINTER)
]
ASKED = [compile_model(model).wire for model in (churn(), stacked("a"), stacked())]


def outcome(reader: Any, raw: bytes, rows: int) -> Reply | CallFailed:
    try:
        reply: Reply = reader.read(raw, rows)
    except CallFailed as failed:
        return failed
    return reply


def survives(reader: Any, raw: bytes, rows: int) -> None:
    """It is read into what a manifest and an event can carry, or refused in words that they can."""
    reply = outcome(reader, raw, rows)
    if isinstance(reply, CallFailed):
        assert reply.message.encode()
        assert len(reply.message) <= MESSAGE_LENGTH
        return
    assert reply.output.SerializeToString()
    assert reply.confidence is None or 0 <= reply.confidence <= 1


@given(st.binary(max_size=300), st.integers(1, 3))
def test_any_bytes_from_a_model(raw: bytes, rows: int) -> None:
    for reader in READERS:
        survives(reader, raw, rows)


tensors = st.builds(
    lambda name, kind, shape, raw: (name, kind, shape, raw),
    st.sampled_from(["label", "scores", ""]),
    st.sampled_from([*DATATYPES, "FLOAT"]),
    st.lists(st.integers(-1, 3), max_size=3),
    st.one_of(
        st.binary(max_size=24),
        st.lists(st.floats(), max_size=4).map(lambda values: struct.pack(f"<{len(values)}d", *values)),
    ),
)


@given(st.lists(tensors, max_size=3), st.integers(1, 3), st.booleans())
def test_any_tensors_from_a_model(
    given: list[tuple[str, str, list[int], bytes]], rows: int, one_too_few: bool
) -> None:
    message = ModelInferResponse()
    for name, kind, shape, raw in given:
        message.outputs.add(name=name, datatype=kind, shape=shape)
        message.raw_output_contents.append(raw)
    if one_too_few and given:
        message.raw_output_contents.pop()
    for reader in READERS:
        survives(reader, message.SerializeToString(), rows)


@pytest.mark.parametrize("kind", DATATYPES)
def test_every_datatype_as_a_number(kind: str) -> None:
    size = DATATYPES[kind].size or 5
    message = ModelInferResponse(raw_output_contents=[b"\x01" + bytes(size - 1)])
    message.outputs.add(name="label", datatype=kind, shape=[1])
    for reader in READERS:
        survives(reader, message.SerializeToString(), 1)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "tool_calls", "logprobs", "logprob", "usage"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
choices = st.fixed_dictionaries(
    {"message": st.fixed_dictionaries({"content": anything, "tool_calls": anything})},
    optional={
        "logprobs": st.fixed_dictionaries(
            {"content": st.lists(st.fixed_dictionaries({"logprob": anything}), max_size=2)}
        ),
        "finish_reason": anything,
    },
)
completions = st.fixed_dictionaries(
    {"choices": st.lists(choices, max_size=2)},
    optional={"usage": st.fixed_dictionaries({"prompt_tokens": anything, "completion_tokens": anything})},
)


@given(anything | completions | st.text(max_size=20))
def test_any_json_from_a_chat_model(body: object) -> None:
    for reader in CHATS:
        survives(reader, json.dumps(body).encode(), 1)


@pytest.mark.parametrize("raw", [b'{"choices":[{"message":{"content":"\\ud800"}}]}', b"[" * 10**6, b"\xff"])
def test_hostile_json_from_a_chat_model(raw: bytes) -> None:
    for reader in CHATS:
        survives(reader, raw, 1)


def test_token_counts_that_no_manifest_can_carry_are_unknown() -> None:
    body = {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 2**70}}
    reply = CHATS[0].read(json.dumps(body).encode(), 1)
    assert reply.tokens_in is None


names = st.sampled_from(["amount", "visits", "age", "contract", "loyal", "a", "other"])


@given(
    st.dictionaries(names, st.floats(), max_size=5),
    st.dictionaries(names, st.text(max_size=5), max_size=3),
    st.lists(names, max_size=2),
)
def test_any_record_from_a_caller(
    numeric: dict[str, float], categorical: dict[str, str], missing: list[str]
) -> None:
    asked = Input()
    asked.tabular.numeric_features.update(numeric)
    asked.tabular.categorical_features.update(categorical)
    asked.tabular.missing.extend(missing)
    is_read_or_refused(asked)


@given(st.binary(max_size=200))
def test_any_bytes_from_a_caller(raw: bytes) -> None:
    try:
        asked = Input.FromString(raw)
    except DecodeError:
        return
    is_read_or_refused(asked)


def is_read_or_refused(asked: Input) -> None:
    for reader in ASKED:
        try:
            request: Request = reader.prepare(asked)
        except InputMismatch:
            continue
        assert request.rows >= 1
