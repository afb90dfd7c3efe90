"""Elements on the wire are NumPy's little-endian ones; framing is protobuf's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inference.open_inference_pb2 import ModelInferRequest
from turnout.inference.v1.output_pb2 import Classification, LabelProbability, Output

from services.models.datatypes import DATATYPES, Datatype, decode, encode_bytes, encode_numbers
from services.models.framing import delimited
from services.models.stencil import Stencil

NUMPY = {
    "BOOL": "?", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "u1",
    "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
NUMERIC = [kind for kind in DATATYPES.values() if kind.numeric]


@pytest.mark.parametrize("kind", NUMERIC, ids=lambda kind: kind.name)
def test_numbers_are_numpys(kind: Datatype) -> None:
    values = kind.bounds or (-0.5, 1.5)
    raw = encode_numbers(kind, values)
    assert raw == np.array(values, NUMPY[kind.name]).tobytes()
    assert tuple(decode(kind, raw)) == values
    assert len(raw) == 2 * kind.size


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_bytes_come_back(values: list[bytes]) -> None:
    assert list(decode(DATATYPES["BYTES"], encode_bytes(values))) == values


@given(st.binary(max_size=60))
def test_bytes_that_are_no_elements_are_refused_cleanly(raw: bytes) -> None:
    try:
        values = decode(DATATYPES["BYTES"], raw)
    except ValueError:
        return
    assert encode_bytes(values) == raw


def test_half_an_element_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number of FP64 elements"):
        decode(DATATYPES["FP64"], b"1234567")


@given(st.integers(0, 300))
def test_frames_as_protobuf_does(length: int) -> None:
    number = ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER
    whole = ModelInferRequest(raw_input_contents=[b"x" * length])
    assert delimited(number, b"x" * length) == whole.SerializeToString()


@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.floats(0, 1)), min_size=1, max_size=20, unique_by=lambda p: p[0]
    )
)
def test_a_stencil_fills_like_a_message(pairs: list[tuple[str, float]]) -> None:
    labels = [label for label, _ in pairs]
    filled = Stencil(labels).fill(labels[-1], [chance for _, chance in pairs])
    probabilities = [LabelProbability(label=label, probability=chance) for label, chance in pairs]
    expected = Output(classification=Classification(label=labels[-1], probabilities=probabilities))
    assert Output.FromString(filled) == expected
