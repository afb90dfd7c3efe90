"""Tensors pass through untouched, once their names, types, shapes and lengths are what the model reads."""

import struct

import pytest
from inference.open_inference_pb2 import InferParameter, ModelInferRequest
from turnout.inference.v1.input_pb2 import Input, Tensor, TensorContents, TensorInput

from services.models.alike import MOST_LENGTHS
from services.models.errors import InputMismatch
from services.models.framing import delimited
from services.models.signature import compile_signature
from tests.models.example import stacked, told

MODEL = stacked("a", "b")
FREE = stacked()
RAW = struct.pack("<4d", 1, 2, 3, 4)


def tensors(*given: Tensor, raw: list[bytes] | None = None) -> Input:
    return Input(tensors=TensorInput(tensors=given, raw_contents=raw or []))


def pair(**changes: object) -> Tensor:
    return Tensor(**{"name": "input", "datatype": "FP64", "shape": [2, 2], **changes})  # type: ignore[arg-type]


SINGLE = pair(contents=TensorContents(fp32_contents=[1, 2, 3, 4]))


def test_raw_contents_pass_as_they_are() -> None:
    request = compile_signature(MODEL).assemble(tensors(pair(), raw=[RAW]))
    assert request.rows == 2
    sent = ModelInferRequest.FromString(request.body)
    assert (sent.inputs[0].name, sent.inputs[0].datatype) == ("input", "FP64")
    assert list(sent.inputs[0].shape) == [2, 2]
    assert list(sent.raw_input_contents) == [RAW]


def test_typed_contents_pass_as_they_are() -> None:
    given = pair(contents=TensorContents(fp64_contents=[1, 2, 3, 4]))
    sent = ModelInferRequest.FromString(compile_signature(MODEL).assemble(tensors(given)).body)
    assert list(sent.inputs[0].contents.fp64_contents) == [1, 2, 3, 4]


def test_any_tensors_pass_to_a_model_without_columns() -> None:
    image = Tensor(name="image", datatype="UINT8", shape=[1, 2, 2, 3])
    request = compile_signature(FREE).assemble(tensors(image, raw=[bytes(12)]))
    assert request.rows == 1
    assert ModelInferRequest.FromString(request.body).inputs[0].name == "image"


def test_parameters_of_the_protocol_do_not_reach_the_model() -> None:
    """A shared memory region, say, is the model server's own business."""
    theirs = ModelInferRequest.InferInputTensor(name="input", datatype="FP64", shape=[2, 2])
    theirs.parameters["shared_memory_region"].CopyFrom(InferParameter(string_param="secrets"))
    given = Tensor.FromString(theirs.SerializeToString())
    body = compile_signature(MODEL).assemble(tensors(given, raw=[RAW])).body
    assert b"secrets" not in body


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        (tensors(), "tensors", "at least one tensor expected"),
        (tensors(pair(), raw=[RAW, RAW]), "raw_contents", "one entry per tensor expected (1), got 2"),
        (tensors(pair(name="x"), raw=[RAW]), "tensors", "the tensor 'input' is missing"),
        (tensors(pair(name="x"), raw=[RAW]), "tensors[0].name", "one of ['input'] expected, got 'x'"),
        (tensors(pair(datatype="FP32"), raw=[RAW[:16]]), "tensors[0].datatype", "FP64 expected, got FP32"),
        (tensors(pair(datatype="FLOAT"), raw=[RAW]), "tensors[0].datatype", "one of BOOL"),
        (tensors(pair(shape=[4]), raw=[RAW]), "tensors[0].shape", "[rows, 2] expected, got [4]"),
        (tensors(pair(shape=[1, 4]), raw=[RAW]), "tensors[0].shape", "[rows, 2] expected, got [1, 4]"),
        (tensors(pair(shape=[0, 2]), raw=[b""]), "tensors[0].shape", "at least one row expected"),
        (tensors(pair(shape=[-2, -2]), raw=[RAW]), "tensors[0].shape", "at least one row expected"),
        (tensors(pair(), raw=[RAW[:-1]]), "raw_contents[0]", "32 bytes expected for [2, 2] FP64, got 31"),
        (tensors(pair()), "tensors[0].contents.fp64_contents", "4 values expected, got 0"),
        (tensors(SINGLE), "tensors[0].contents.fp64_contents", "4 values expected, got 0"),
        (tensors(SINGLE, raw=[RAW]), "tensors[0].contents", "either contents or raw_contents"),
        (tensors(pair(), pair(), raw=[RAW, RAW]), "tensors[1].name", "'input' is given twice"),
    ],
)
def test_refuses_tensors_that_do_not_fit(given: Input, field: str, says: str) -> None:
    with pytest.raises(InputMismatch) as caught:
        compile_signature(MODEL).assemble(given)
    assert told(caught.value)[f"input.tensors.{field}"].startswith(says)


def test_refuses_half_precision_outside_raw_contents() -> None:
    with pytest.raises(InputMismatch, match="FP16 travels in raw_contents only"):
        compile_signature(FREE).assemble(tensors(pair(datatype="FP16")))


def test_refuses_tensors_that_disagree_on_the_rows() -> None:
    one = Tensor(name="a", datatype="UINT8", shape=[1, 2])
    two = Tensor(name="b", datatype="UINT8", shape=[2, 2])
    with pytest.raises(InputMismatch, match="the same number of rows"):
        compile_signature(FREE).assemble(tensors(one, two, raw=[bytes(2), bytes(4)]))


def test_the_second_input_of_a_form_is_checked_as_the_first_was() -> None:
    """What was found right is not looked at again, and what is new about an input still is."""
    signature = compile_signature(MODEL)
    first = signature.assemble(tensors(pair(), raw=[RAW]))
    assert signature.assemble(tensors(pair(), raw=[RAW])) == first
    other = struct.pack("<4d", 5, 6, 7, 8)
    sent = ModelInferRequest.FromString(signature.assemble(tensors(pair(), raw=[other])).body)
    assert list(sent.raw_input_contents) == [other]
    for wrong in ([RAW[:-1]], [RAW, RAW], [b""]):
        with pytest.raises(InputMismatch):
            signature.assemble(tensors(pair(), raw=wrong))
    assert signature.assemble(tensors(pair(shape=[3, 2]), raw=[RAW + RAW[:16]])).rows == 3
    with pytest.raises(InputMismatch):
        signature.assemble(tensors(pair(datatype="FP32"), raw=[RAW]))


def test_parameters_do_not_reach_the_model_the_second_time_either() -> None:
    theirs = ModelInferRequest.InferInputTensor(name="input", datatype="FP64", shape=[2, 2])
    theirs.parameters["shared_memory_region"].CopyFrom(InferParameter(string_param="secrets"))
    signature = compile_signature(MODEL)
    for _ in range(2):
        given = Tensor.FromString(theirs.SerializeToString())
        assert b"secrets" not in signature.assemble(tensors(given, raw=[RAW])).body


def test_forms_without_end_are_not_remembered_without_end() -> None:
    signature = compile_signature(MODEL)
    for rows in range(1, 2 * MOST_LENGTHS):
        signature.assemble(tensors(pair(shape=[rows, 2]), raw=[bytes(16 * rows)]))
    assert len(signature._alike._known) <= MOST_LENGTHS


def test_contents_within_a_field_that_we_do_not_know_are_not_the_models() -> None:
    """Rules read the contents: a model that was asked with others would answer another question."""
    signature = compile_signature(MODEL)
    for decoy in (RAW, RAW[::-1], RAW[16:] + RAW[:16]):
        given = tensors(pair(), raw=[RAW])
        # A field 15 whose last bytes look as raw contents do.
        hidden = delimited(15, b"x" + delimited(2, decoy))
        given.tensors.MergeFromString(hidden)
        assert given.tensors.SerializeToString().endswith(decoy)
        sent = ModelInferRequest.FromString(signature.assemble(given).body)
        assert list(sent.raw_input_contents) == [RAW]


def test_several_tensors_keep_their_own_contents() -> None:
    signature = compile_signature(FREE)
    one, two = (Tensor(name=name, datatype="UINT8", shape=[1, 2]) for name in "ab")
    for raw in ([b"12", b"34"], [b"56", b"78"]):
        sent = ModelInferRequest.FromString(signature.assemble(tensors(one, two, raw=raw)).body)
        assert list(sent.raw_input_contents) == raw
        assert [tensor.name for tensor in sent.inputs] == ["a", "b"]
    for wrong in ([b"1", b"234"], [b"123", b"4"], [b"1234"], [b"1234", b""]):
        with pytest.raises(InputMismatch):
            signature.assemble(tensors(one, two, raw=wrong))


def test_equally_long_forms_are_told_apart() -> None:
    """A name, a type or a shape is another, and the message has as many bytes."""
    signature = compile_signature(FREE)
    for _ in range(2):
        for name, datatype, shape in (
            ("a", "FP64", [2, 2]),
            ("b", "FP64", [2, 2]),
            ("a", "UINT8", [4, 8]),
            ("a", "INT64", [1, 4]),
        ):
            given = Tensor(name=name, datatype=datatype, shape=shape)
            request = signature.assemble(tensors(given, raw=[RAW]))
            (sent,) = ModelInferRequest.FromString(request.body).inputs
            assert (sent.name, sent.datatype, list(sent.shape)) == (name, datatype, shape)
            assert request.rows == shape[0]
        with pytest.raises(InputMismatch):
            signature.assemble(tensors(Tensor(name="a", datatype="FP64", shape=[1, 2]), raw=[RAW]))


def test_texts_of_any_length_pass() -> None:
    signature = compile_signature(FREE)
    text = Tensor(name="text", datatype="BYTES", shape=[1])
    for content in (b"\x02\0\0\0hi", b"\x05\0\0\0hello"):
        sent = ModelInferRequest.FromString(signature.assemble(tensors(text, raw=[content])).body)
        assert list(sent.raw_input_contents) == [content]
