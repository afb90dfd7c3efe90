"""Conditions over one row that comes as tensors, as the signatures of the router's models lay it out."""

from typing import Any

import numpy as np
import pytest
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC, Model
from turnout.router.v1.router_pb2 import Router

from services.models.datatypes import encode_bytes
from services.router.conditions import RuleError, Schema, compile_condition
from services.router.conditions.requests import RequestView
from services.router.conditions.view import LONGEST_TEXT
from services.router.conditions.wire import schema_of

CONDITION = "amount > 500.0 && age < 40.0"


def model(*names: str, layout: Any = None, kind: Any = FEATURE_KIND_NUMERIC) -> Model:
    features = [{"name": name, "kind": kind} for name in names]
    return Model(signature={"features": features, "layout": layout or {}})


def view(asked: Input, *models: Model, off: int = -1) -> RequestView:
    router, known = Router(), dict[str, Model]()
    for place, one in enumerate(models):
        name = f"models/m{place}"
        router.variants.add(id=f"m{place}", model=name, enabled=place != off)
        known[name] = one
    return RequestView(schema_of(router, known), asked, {}, "", 0.0)


def tensor(values: Any, dtype: str = "FP64", name: str = "input", *, raw: bool = True) -> Input:
    asked = Input()
    found = np.asarray(values, {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8"}[dtype])
    one = asked.tensors.tensors.add(name=name, datatype=dtype, shape=found.shape)
    if raw:
        asked.tensors.raw_contents.append(found.tobytes())
    else:
        one.contents.fp64_contents.extend(found.ravel().tolist())
    return asked


def holds(given: RequestView, condition: str = CONDITION) -> bool:
    return compile_condition(condition, Schema()).holds(given)


def fails(given: RequestView, condition: str = CONDITION) -> bool:
    with pytest.raises(RuleError):
        holds(given, condition)
    return True


@pytest.mark.parametrize("raw", [True, False])
def test_columns_of_one_tensor_are_in_the_order_of_the_signature(raw: bool) -> None:
    given = model("amount", "age")
    assert holds(view(tensor([[900.0, 30.0]], raw=raw), given))
    assert not holds(view(tensor([[30.0, 900.0]], raw=raw), given))
    assert holds(view(tensor([[30.0, 900.0]], raw=raw), model("age", "amount")))


def test_the_tensor_is_the_one_that_the_layout_names_of_any_type_of_numbers() -> None:
    named = model("amount", "age", layout={"input_name": "x"})
    assert holds(view(tensor([[900, 30]], "INT64", "x"), named))
    assert holds(view(tensor([[900, 30]], "FP32", "x"), named))
    assert fails(view(tensor([[900, 30]], "FP64", "input"), named))


def test_columns_that_are_tensors_of_their_own_are_read_by_name() -> None:
    given = model("age", "amount", layout={"kind": "LAYOUT_KIND_PER_COLUMN"})
    given.signature.features.add(name="plan", kind=FEATURE_KIND_CATEGORICAL)
    asked = Input()
    for name, content in (("amount", 900.0), ("age", 30.0)):
        asked.tensors.MergeFrom(tensor([[content]], name=name).tensors)
    asked.tensors.tensors.add(name="plan", datatype="BYTES", shape=[1])
    asked.tensors.raw_contents.append(encode_bytes([b"gold"]))
    assert holds(view(asked, given), f"{CONDITION} && plan == 'gold'")
    del asked.tensors.tensors[0], asked.tensors.raw_contents[0]
    assert fails(view(asked, given))


def test_where_signatures_differ_the_first_enabled_one_that_fits_is_read() -> None:
    wide, other, narrow = model("a", "b", "c"), model("age", "amount"), model("amount", "age")
    asked = tensor([[900.0, 30.0]])
    assert holds(view(asked, wide, narrow, other))
    assert not holds(view(asked, wide, other, narrow))
    assert holds(view(asked, wide, other, narrow, off=1))


@pytest.mark.parametrize(
    "asked",
    [
        tensor([[900.0, 30.0], [900.0, 30.0]]),
        tensor([[900.0, 30.0, 1.0]]),
        tensor([900.0, 30.0]),
        tensor([[float("nan"), 30.0]]),
        Input(tensors={"tensors": [{"name": "input", "datatype": "FP64", "shape": [1, 2]}]}),
        Input(tensors={"tensors": [{"name": "input", "datatype": "FP9", "shape": [1, 2]}]}),
        Input(
            tensors={
                "tensors": [{"name": "input", "datatype": "BYTES", "shape": [1, 2]}],
                "raw_contents": [encode_bytes([b"900", b"30"])],
            }
        ),
        Input(
            tensors={
                "tensors": [{"name": "input", "datatype": "FP64", "shape": [1, 2]}],
                "raw_contents": [b"short"],
            }
        ),
        Input(tensors={"raw_contents": [b""]}),
    ],
)
def test_what_cannot_be_read_so_is_absent(asked: Input) -> None:
    assert fails(view(asked, model("amount", "age")))
    assert fails(view(tensor([[900.0, 30.0]]), Model()))


def test_texts_are_read_as_far_as_conditions_look_at_them() -> None:
    given = model("plan", "town", kind=FEATURE_KIND_CATEGORICAL)

    def asked(*texts: bytes) -> Input:
        described = {"name": "input", "datatype": "BYTES", "shape": [1, 2]}
        return Input(tensors={"tensors": [described], "raw_contents": [encode_bytes(texts)]})

    assert holds(view(asked(b"gold", "Zürich".encode()), given), "plan == 'gold' && town == 'Zürich'")
    assert fails(view(asked(b"gold", b"x" * 3 * LONGEST_TEXT), given), "plan == 'gold'")
    assert fails(view(asked(*[b""] * 9), given), "plan == 'gold'")
