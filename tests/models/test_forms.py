"""A reply of a known form reads exactly as it does the long way; anything else is not taken for one."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from inference.open_inference_pb2 import ModelInferResponse

from services.models.elements import parsed_tensors
from services.models.forms import MOST_LESSONS, ReplyReader, learn
from services.models.oip import compile_oip
from services.models.problems import Problems
from tests.models.example import churn
from tests.models.test_outputs import reply, text_reply

finite = st.floats(allow_nan=False)


def message(index: int, *numbers: float) -> ModelInferResponse:
    return reply(("label", "INT64", [1], [index]), ("scores", "FP64", [1, len(numbers)], list(numbers)))


FORM = learn(message(0, 1.0, 0.0).SerializeToString(), message(0, 1.0, 0.0))


@given(st.integers(-(2**63), 2**63 - 1), finite, finite)
def test_reads_what_parsing_reads(index: int, first: float, second: float) -> None:
    built = message(index, first, second)
    assert FORM is not None
    known = FORM.read(built.SerializeToString())
    assert known is not None
    for name in ("label", "scores"):
        values, width, datatype = parsed_tensors(built, 1)(name)
        assert known(name) == (tuple(values), width, datatype)


@given(st.binary(max_size=200))
def test_takes_no_other_bytes_for_its_form(raw: bytes) -> None:
    assert FORM is not None
    assert FORM.read(raw) is None


def test_another_name_or_type_of_the_same_length_is_another_form() -> None:
    assert FORM is not None
    swapped = reply(("lapel", "INT64", [1], [0]), ("scores", "FP64", [1, 2], [1, 0]))
    retyped = message(0, 1.0, 0.0)
    retyped.outputs[1].datatype = "FP46"
    for other in (swapped, retyped):
        assert len(other.SerializeToString()) == len(message(0, 1.0, 0.0).SerializeToString())
        assert FORM.read(other.SerializeToString()) is None


def test_learns_nothing_from_replies_without_a_fixed_form() -> None:
    odd = message(0, 1.0, 0.0)
    odd.raw_output_contents[1] += b"x"
    typed = text_reply("label", b"no")
    raw_text = reply(("scores", "FP64", [1, 2], [1, 0]))
    raw_text.outputs.add(name="label", datatype="BYTES", shape=[1])
    raw_text.raw_output_contents.append(struct.pack("<I", 2) + b"no")
    for built in (odd, typed, raw_text, ModelInferResponse()):
        assert learn(built.SerializeToString(), built) is None


def test_stops_learning_from_a_server_that_stamps_its_replies() -> None:
    reader = ReplyReader()
    for stamp in range(MOST_LESSONS + 5):
        built = message(0, 1.0, 0.0)
        built.id = f"{stamp:04}"
        reader.remember(built.SerializeToString(), built)
    last = message(0, 1.0, 0.0)
    last.id = f"{MOST_LESSONS + 4:04}"
    assert reader.known(last.SerializeToString()) is None
    last.id = f"{MOST_LESSONS - 1:04}"
    assert reader.known(last.SerializeToString()) is not None


def test_a_model_answers_the_same_the_first_time_and_the_second() -> None:
    wire = compile_oip(churn(), Problems())
    first = wire.read(message(0, 0.75, 0.25).SerializeToString(), 1)
    again = wire.read(message(0, 0.75, 0.25).SerializeToString(), 1)
    other = wire.read(message(1, 0.125, 0.875).SerializeToString(), 1)
    assert first == again
    assert other.output.classification.label == "yes"
    assert [p.probability for p in other.output.classification.probabilities] == [0.125, 0.875]
