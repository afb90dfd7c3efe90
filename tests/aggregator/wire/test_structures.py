"""Structures, tool calls, tensors and embeddings: from outputs and back."""

from typing import Any

import numpy as np
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from turnout.inference.v1.input_pb2 import Tensor, TensorContents, TensorInput
from turnout.inference.v1.output_pb2 import Embedding, Output

from services.aggregator import answers
from services.aggregator.answers import Ballot, Calls, Structure, Tensors, Vectors, Verdict
from services.aggregator.combiners import COMBINERS
from services.aggregator.errors import Unreadable
from services.aggregator.recipe import Options, Recipe
from services.aggregator.wire.answers import read_answer, write_answer
from services.models.datatypes import DATATYPES


def written(answer: answers.Answer) -> Output:
    return write_answer(Verdict(answer, np.ones((1, 1)), np.zeros(1, dtype=np.bool_)), [])


def json_output(value: Any) -> Output:
    output = Output()
    ParseDict(value, output.json)
    return output


def call(name: str, arguments: str) -> Output:
    output = Output()
    output.text.tool_calls.add(id="x", name=name, arguments=arguments)
    return output


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, {"b": "ü"}]}, [], "x", 3, None, False])
def test_structures_survive_the_way_there_and_back(value: Any) -> None:
    answer = read_answer(json_output(value))
    assert isinstance(answer, Structure)
    assert answer.value == value
    again = read_answer(written(answer))
    assert isinstance(again, Structure)
    assert again.key == answer.key


def test_calls_survive_with_ids_of_their_own() -> None:
    answer = read_answer(call("pay", ' {"to": "x", "sum": 1.0}'))
    assert isinstance(answer, Calls)
    message = written(answer).text
    assert (message.finish_reason, message.tool_calls[0].id) == ("tool_calls", "call_0")
    assert message.tool_calls[0].arguments == '{"sum":1,"to":"x"}'
    again = read_answer(Output(text=message))
    assert isinstance(again, Calls)
    assert again.key == answer.key
    assert isinstance(read_answer(call("now", "")), Calls)


def test_embeddings_survive_row_by_row() -> None:
    answer = read_answer(Output(embedding=Embedding(values=[1, 2, 3, 4], dimension=2)))
    assert isinstance(answer, Vectors)
    assert answer.values.tolist() == [[1, 2], [3, 4]]
    again = read_answer(written(answer))
    assert isinstance(again, Vectors)
    assert again.values.tolist() == answer.values.tolist()


@pytest.mark.parametrize("name", [name for name, kind in DATATYPES.items() if kind.numeric])
def test_tensors_of_every_type_survive_with_raw_contents(name: str) -> None:
    kind = DATATYPES[name]
    raw = np.array([[0, 1, 1]], dtype=f"<{kind.code}").tobytes()
    given = TensorInput(tensors=[Tensor(name="t", datatype=name, shape=[1, 3])], raw_contents=[raw])
    answer = read_answer(Output(tensors=given))
    assert isinstance(answer, Tensors)
    assert answer.tensors["t"].tolist() == [[0, 1, 1]]
    assert written(answer).tensors == given


def test_typed_contents_and_bytes_are_read_too() -> None:
    contents = TensorContents(fp32_contents=[1, 2])
    texts = TensorContents(bytes_contents=[b"a", b"bc"])
    given = TensorInput(
        tensors=[
            Tensor(name="x", datatype="FP32", shape=[2], contents=contents),
            Tensor(name="s", datatype="BYTES", shape=[2, 1], contents=texts),
        ]
    )
    answer = read_answer(Output(tensors=given))
    assert isinstance(answer, Tensors)
    assert answer.tensors["x"].dtype == np.float32
    assert answer.tensors["s"].tolist() == [[b"a"], [b"bc"]]


def one(datatype: str, shape: list[int], raw: bytes) -> Output:
    tensor = Tensor(name="t", datatype=datatype, shape=shape)
    return Output(tensors=TensorInput(tensors=[tensor], raw_contents=[raw]))


@pytest.mark.parametrize(
    ("output", "path", "said"),
    [
        (Output(json=Value()), "json", "a JSON value expected"),
        (Output(json=Value(number_value=float("nan"))), "json", "JSON expected"),
        (call("", "{}"), "text.tool_calls[0].name", "is required"),
        (call("f", "{"), "text.tool_calls[0].arguments", "JSON expected"),
        (call("f", '{"a": 1, "a": 2}'), "text.tool_calls[0].arguments", "each key once"),
        (Output(embedding=Embedding(values=[1, 2, 3], dimension=2)), "embedding.values", "3 values for 2"),
        (Output(embedding=Embedding()), "embedding.values", "whole vectors"),
        (Output(embedding=Embedding(values=[float("inf")], dimension=1)), "embedding.values", "finite"),
        (one("FP64", [2], bytes(8)), "tensors.t", "has 2 elements, got 1"),
        (one("FP64", [1], bytes(7)), "tensors.t", "contents of FP64 expected"),
        (one("FP64", [-1], bytes(8)), "tensors.t", "has -1 elements"),
        (one("BYTES", [1], b"\5\0\0\0a"), "tensors.t", "contents of BYTES expected"),
        (one("TEXT", [1], b""), "tensors.t", "one of BOOL, INT8"),
        (Output(tensors=TensorInput(raw_contents=[b""])), "tensors.raw_contents", "one per tensor"),
        (Output(tensors=TensorInput(tensors=[Tensor(name="t")] * 2)), "tensors.tensors", "each name once"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_where(output: Output, path: str, said: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_answer(output)
    assert refused.value.path == path
    assert said in refused.value.said


def test_a_merged_answer_is_written_out() -> None:
    values = ({"x": 1, "y": 1}, {"x": 1, "y": 2}, {"x": 2, "y": 2})
    panel = [Ballot(f"m{at}", read_answer(json_output(value))) for at, value in enumerate(values[::2])]
    panel.append(Ballot("m3", read_answer(json_output({"x": 1, "y": 2, "z": 3}))))
    verdict = COMBINERS["json_majority"](panel, Recipe("json_majority", options=Options(by_field=True)))
    assert write_answer(verdict, []) == json_output({"x": 1, "y": 2})


def test_tensors_of_bytes_are_written_as_what_they_hold() -> None:
    words = np.array([[b"a", b""], ["ü".encode(), b"long" * 100]], dtype=object)
    again = read_answer(written(Tensors({"words": words})))
    assert isinstance(again, Tensors)
    assert again.tensors["words"].tolist() == words.tolist()
