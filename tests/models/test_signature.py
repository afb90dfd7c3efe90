"""Records become tensors by signature, and what does not fit is named, all of it at once."""

import math
import struct

import numpy as np
import pytest
from google.protobuf.struct_pb2 import Value
from inference.open_inference_pb2 import ModelInferRequest
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import model_pb2 as wire

from services.models.errors import InputMismatch, InvalidModel
from services.models.records import unknown_columns
from services.models.signature import compile_signature
from tests.models.example import CATEGORICAL, NUMERIC, churn, record, row, stacked, told

GOOD: dict[str, float | str | None] = {
    "amount": 12.5,
    "visits": 3,
    "age": 41.0,
    "contract": "yearly",
    "loyal": 1,
}


def assembled(model: wire.Model, given: Input) -> ModelInferRequest:
    return ModelInferRequest.FromString(compile_signature(model).assemble(given).body)


def refusal(model: wire.Model, given: Input) -> dict[str, str]:
    with pytest.raises(InputMismatch) as caught:
        compile_signature(model).assemble(given)
    assert caught.value.facts["model"] == model.name
    return told(caught.value)


def test_stacks_columns_in_the_order_of_the_signature() -> None:
    request = assembled(stacked("b", "a"), record(a=1.0, b=2.0))
    (tensor,) = request.inputs
    assert (tensor.name, tensor.datatype, list(tensor.shape)) == ("input", "FP64", [1, 2])
    assert np.frombuffer(request.raw_input_contents[0], "<f8").tolist() == [2.0, 1.0]


@pytest.mark.parametrize("given", [record(**GOOD), row(**{**GOOD, "loyal": True})], ids=["tabular", "row"])
def test_sends_a_tensor_per_column_with_its_own_type(given: Input) -> None:
    request = assembled(churn(), given)
    sent = {
        tensor.name: (tensor.datatype, list(tensor.shape), raw)
        for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
    }
    assert sent == {
        "amount": ("FP64", [1, 1], struct.pack("<d", 12.5)),
        "visits": ("INT32", [1, 1], struct.pack("<i", 3)),
        "age": ("FP32", [1, 1], struct.pack("<f", 41.0)),
        "contract": ("BYTES", [1, 1], b"\x06\x00\x00\x00yearly"),
        "loyal": ("BOOL", [1, 1], b"\x01"),
    }


def test_stacks_categories_as_length_prefixed_bytes() -> None:
    model = stacked()
    model.signature.features.extend(wire.Feature(name=name, kind=CATEGORICAL) for name in ("x", "y"))
    request = assembled(model, record(y="ö", x="a"))
    assert request.inputs[0].datatype == "BYTES"
    assert request.raw_input_contents[0] == b"\x01\0\0\0a\x02\0\0\0\xc3\xb6"


@pytest.mark.parametrize(
    "given", [record(a=1, b=None), record(a=1), record(a=1, b=math.nan), row(a=1, b=None)]
)
def test_sends_nan_for_what_a_nullable_column_lacks(given: Input) -> None:
    model = stacked("a", "b")
    model.signature.features[1].nullable = True
    raw = assembled(model, given).raw_input_contents[0]
    assert struct.unpack("<2d", raw)[0] == 1.0
    assert math.isnan(struct.unpack("<2d", raw)[1])


def test_sends_the_default_for_what_is_missing() -> None:
    request = assembled(churn(), record(**{**GOOD, "visits": None}))
    assert struct.unpack("<i", request.raw_input_contents[1]) == (0,)


def test_numbers_too_large_to_sum_still_fit() -> None:
    raw = assembled(stacked("a", "b"), record(a=1.7e308, b=1.7e308)).raw_input_contents[0]
    assert struct.unpack("<2d", raw) == (1.7e308, 1.7e308)


def test_columns_that_other_models_read_are_ignored() -> None:
    given = record(a=1.0, elsewhere=2.0, kind="x")
    assert struct.unpack("<d", assembled(stacked("a"), given).raw_input_contents[0]) == (1.0,)


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        (record(b=1), "input.tabular.numeric_features['a']", "missing"),
        (row(b=1), "input.row['a']", "missing"),
        (record(a=None, b=1), "input.tabular.numeric_features['a']", "missing"),
        (record(a="12", b=1), "input.tabular.categorical_features['a']", "a number expected, got"),
        (row(a="12", b=1), "input.row['a']", "a number expected, got the string '12'"),
        (row(a=[1, 2], b=1), "input.row['a']", "a number, a string or null expected"),
        (record(a=math.nan, b=1), "input.tabular.numeric_features['a']", "a finite number expected, got nan"),
        (record(a=math.inf, b=1), "input.tabular.numeric_features['a']", "a finite number expected, got inf"),
        (record(A=3, b=1), "input.tabular.numeric_features['a']", "missing"),
        (record(amount=3, a_mount=1, b=1), "input.tabular.numeric_features['a']", "missing"),
    ],
)  # fmt: skip
def test_refuses_by_name_what_does_not_fit(given: Input, field: str, says: str) -> None:
    said = refusal(stacked("a", "b"), given)
    assert list(said) == [field]
    assert said[field].startswith(says)


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"visits": 2.5}, "numeric_features['visits']", "a whole number from -2147483648 to 2147483647"),
        ({"visits": 3e9}, "numeric_features['visits']", "a whole number from -2147483648 to 2147483647"),
        ({"age": 1e39}, "numeric_features['age']", "a number in the range of FP32 expected"),
        ({"loyal": 2}, "numeric_features['loyal']", "a whole number from 0 to 1 expected"),
        ({"contract": "weekly"}, "categorical_features['contract']", "one of the column's categories"),
        ({"contract": 4}, "numeric_features['contract']", "a string expected, got the number 4"),
    ],
)  # fmt: skip
def test_refuses_values_outside_a_columns_type(change: dict[str, float | str], field: str, says: str) -> None:
    said = refusal(churn(), record(**{**GOOD, **change}))
    assert list(said) == [f"input.tabular.{field}"]
    assert said[f"input.tabular.{field}"].startswith(says)


def test_refuses_a_column_that_is_given_twice() -> None:
    given = record(a=1, b=1)
    given.tabular.missing.append("a")
    assert refusal(stacked("a", "b"), given) == {
        "input.tabular.numeric_features['a']": "the column is given more than once"
    }


def test_guesses_a_slip_of_the_pen() -> None:
    said = refusal(stacked("mean radius"), record(mean_radius=1.0))
    assert said == {
        "input.tabular.numeric_features['mean radius']": "missing; did you mean it by 'mean_radius'?"
    }


def test_tells_all_problems_at_once_up_to_twenty() -> None:
    names = [f"c{index}" for index in range(30)]
    with pytest.raises(InputMismatch, match=r"\(and 29 more\)") as caught:
        compile_signature(stacked(*names)).assemble(record())
    assert [field for field, _ in caught.value.fields] == [
        f"input.tabular.numeric_features['{name}']" for name in names[:20]
    ]
    assert caught.value.reason == "INPUT_MISMATCH"


def test_asking_for_a_missing_column_leaves_the_message_alone() -> None:
    given = record(a=1.0)
    refusal(stacked("a", "b"), given)
    assert dict(given.tabular.numeric_features) == {"a": 1.0}


@pytest.mark.parametrize("given", [Input(), Input(text="hello")])
def test_refuses_kinds_of_input_that_the_model_does_not_read(given: Input) -> None:
    assert refusal(stacked("a"), given)["input"].startswith("row, tabular or tensors expected")


def test_refuses_columns_for_a_model_that_declares_none() -> None:
    said = refusal(stacked(), record(a=1.0))
    assert said == {"input": "tensors expected: the model's signature declares no columns"}


def test_sends_text_to_a_model_without_columns() -> None:
    request = assembled(stacked(), Input(text="hé"))
    assert (request.inputs[0].name, request.inputs[0].datatype) == ("input", "BYTES")
    assert list(request.inputs[0].shape) == [1]
    assert request.raw_input_contents[0] == b"\x03\0\0\0h\xc3\xa9"


def test_tells_what_is_logged_of_a_record() -> None:
    signature = compile_signature(churn())
    tabular = record(**GOOD)
    assert signature.features(tabular) is not None
    assert signature.features(tabular) == tabular.tabular
    logged = signature.features(row(**{**GOOD, "loyal": True, "age": None, "colour": "red"}))
    assert logged is not None
    assert dict(logged.numeric_features) == {"amount": 12.5, "visits": 3, "loyal": 1}
    assert dict(logged.categorical_features) == {"contract": "yearly", "colour": "red"}
    assert list(logged.missing) == ["age"]
    assert signature.features(Input(text="x")) is None


def feature(**changes: object) -> wire.Feature:
    return wire.Feature(**{"name": "x", "kind": NUMERIC, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "field", "says"),
    [
        (feature(name=""), "name", "a name expected"),
        (feature(name="amount"), "name", "'amount' is declared twice"),
        (feature(kind=0), "kind", "FEATURE_KIND_NUMERIC or FEATURE_KIND_CATEGORICAL expected"),
        (feature(dtype="FLOAT"), "dtype", "one of BOOL, INT8"),
        (feature(dtype="BYTES"), "dtype", "a numeric column needs a numeric type, not BYTES"),
        (feature(kind=CATEGORICAL, dtype="INT8"), "dtype", "a category is sent as BYTES"),
        (feature(categories=["a"]), "categories", "only a categorical column has categories"),
        (feature(kind=CATEGORICAL, categories=["a", "a"]), "categories", "each category once"),
        (feature(default=Value(string_value="1")), "default", "a number expected"),
        (feature(kind=CATEGORICAL, default=Value(number_value=1)), "default", "a string expected"),
        (feature(kind=CATEGORICAL, categories=["a"], default=Value(string_value="b")), "default", "one of"),
        (feature(dtype="UINT8", default=Value(number_value=-1)), "default", "a whole number from 0 to 255"),
        (feature(dtype="INT8", nullable=True), "default", "INT8 cannot say NaN"),
    ],
)  # fmt: skip
def test_refuses_a_signature_that_cannot_work(bad: wire.Feature, field: str, says: str) -> None:
    model = churn()
    model.signature.features.append(bad)
    with pytest.raises(InvalidModel) as caught:
        compile_signature(model)
    said = told(caught.value)
    assert said[f"model.signature.features[5].{field}"].startswith(says)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_refuses_numbers_and_categories_in_one_stacked_tensor() -> None:
    model = churn()
    model.signature.layout.kind = wire.LAYOUT_KIND_STACKED
    with pytest.raises(InvalidModel) as caught:
        compile_signature(model)
    assert "LAYOUT_KIND_PER_COLUMN" in told(caught.value)["model.signature.features[3].dtype"]


def test_stacks_columns_in_the_type_that_they_all_name() -> None:
    model = stacked("a", "b")
    for column in model.signature.features:
        column.dtype = "FP32"
    request = assembled(model, record(a=1.5, b=2.5))
    assert request.inputs[0].datatype == "FP32"
    assert request.raw_input_contents[0] == struct.pack("<2f", 1.5, 2.5)


def test_columns_that_nobody_reads_can_be_told() -> None:
    given = record(a=1.0, b=None, c="x", d=2.0)
    assert unknown_columns(given, {"a", "c"}) == ["d", "b"]
    nested = Input()
    nested.row.update({"a": 1.0, "d": [1.0]})
    assert unknown_columns(nested, {"a", "c"}) == ["d"]
