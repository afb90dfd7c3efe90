"""A value is what its feature's baseline says that it is, however it was written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.input_pb2 import TabularInput, Tensor, TensorContents, TensorInput

from services.drift.baselines import Baseline, Role, measure_columns
from services.drift.cells import Vocabulary
from services.drift.columns import MANY, columns
from services.drift.folding import count
from services.drift.observed import rows_of
from services.drift.rows import Block, Records, Row, Rows, Said
from services.drift.spelling import name_of, number_of, respelt

NOW = 1_760_000_123.0
ZIPS = ["10001", "60601", "94110"]
TENSORS = TensorInput(
    tensors=[
        Tensor(name="zip", datatype="INT32", shape=[3], contents=TensorContents(int_contents=[10001] * 3)),
        Tensor(
            name="vip",
            datatype="BYTES",
            shape=[3, 1],
            contents=TensorContents(bytes_contents=[b"true", b"", b"false"]),
        ),
        Tensor(
            name="x",
            datatype="BYTES",
            shape=[3],
            contents=TensorContents(bytes_contents=[b"1.5", b"2", b"?"]),
        ),
        Tensor(name="note", datatype="BYTES", shape=[1], contents=TensorContents(bytes_contents=[b"hello"])),
    ]
)


def baseline(role: Role = Role.FEATURE) -> Baseline:
    """A number x, a category zip of digits, and vip as pandas writes it."""
    rng = np.random.default_rng(1)
    names = {"zip": rng.choice(ZIPS, 300).tolist(), "vip": rng.choice(["True", "False"], 300).tolist()}
    size, features = measure_columns({"x": rng.normal(size=300).tolist()}, names, {})
    features = tuple(replace(one, role=role) if one.name == "vip" else one for one in features)
    return Baseline("u", "i", "models/m", "m", size, features, NOW)


def records(some: Sequence[TabularInput]) -> Records:
    packed = [one.SerializeToString() for one in some]
    return Records(np.full(len(packed), int(NOW)), packed)


def counts(of: Baseline, rows: Sequence[Rows]) -> dict[str, tuple[int, int, dict[str, int]]]:
    """Of each feature how many values are there, how many are missing, and those by name that are new."""
    profile = count(of, rows, "1-1")
    pairs = zip(of.features, profile.tallies(of.sizes), strict=True)
    return {
        one.name: (int(one.frame.present(tally).sum()), one.frame.absent(tally), dict(tally.unseen))
        for one, tally in pairs
    }


@pytest.mark.parametrize("size", [1, MANY - 1, MANY, 3 * MANY])
@pytest.mark.parametrize("odd", [1, 2, 7])
def test_a_record_with_values_of_another_kind_counts_as_one_with_its_own(size: int, odd: int) -> None:
    """Be they few or many, be some of them odd or all."""
    rng = np.random.default_rng([size, odd])
    own, mixed = list[TabularInput](), list[TabularInput]()
    for at in range(size):
        x, code, vip = float(rng.normal()), str(rng.choice(ZIPS)), str(rng.choice(["true", "false"]))
        own.append(TabularInput(numeric_features={"x": x}, categorical_features={"zip": code, "vip": vip}))
        written = TabularInput(
            numeric_features={"zip": float(code), "vip": float(vip == "true")},
            categorical_features={"x": repr(x)},
        )
        mixed.append(own[-1] if at % odd else written)
    wanted = count(baseline(), [records(own)], "1-1")
    assert counts(baseline(), [records(own)]) == dict.fromkeys(("vip", "x", "zip"), (size, 0, {}))
    assert count(baseline(), [records(mixed)], "1-1") == wanted
    rows = [Row(NOW, dict(one.numeric_features), dict(one.categorical_features)) for one in mixed]
    assert count(baseline(), rows, "1-1") == wanted


@pytest.mark.parametrize("size", [3, 2 * MANY])
def test_what_is_of_both_kinds_counts_once_and_as_its_own(size: int) -> None:
    both = TabularInput(
        numeric_features={"x": 1.0, "zip": 60601.0}, categorical_features={"x": "2.0", "zip": "94110"}
    )
    lacking = TabularInput(categorical_features={"x": "many", "zip": ""}, numeric_features={"zip": 5.0})
    found = columns([records([both] * size + [lacking] * size)], ["x"], ["zip"])
    assert found.numbers["x"].tolist() == [1.0] * size
    # An empty text is a text that is missing, whatever stands beside it.
    assert found.texts["zip"] == Counter({"94110": size})


def test_numbers_of_single_precision_have_the_names_of_their_decimals() -> None:
    sizes = Block(NOW, 3, {"size": np.array([0.7, 1.5, 0.7], dtype="<f4").astype(np.float64)})
    assert columns([sizes], [], ["size"]).texts["size"] == Counter({"0.7": 2, "1.5": 1})


def test_what_is_nothing_of_its_kind_stays_missing_or_new() -> None:
    odd = TabularInput(
        numeric_features={"zip": float("nan")}, categorical_features={"x": "n/a", "vip": "yes"}
    )
    strange = TabularInput(numeric_features={"zip": 7.0}, categorical_features={"x": "inf"})
    assert counts(baseline(), [records([odd] * 5 + [strange] * 5)]) == {
        "vip": (0, 5, {"yes": 5}),
        "x": (0, 10, {}),
        "zip": (0, 5, {"7": 5}),
    }


@pytest.mark.parametrize("raw", [False, True], ids=["as contents", "as raw bytes"])
def test_tensors_of_texts_are_columns_as_tensors_of_numbers_are(raw: bool) -> None:
    tensors = TensorInput()
    tensors.CopyFrom(TENSORS)
    for tensor in tensors.tensors if raw else ():
        words = tensor.contents.bytes_contents
        packed = b"".join(len(one).to_bytes(4, "little") + one for one in words)
        numbers = np.array(tensor.contents.int_contents, "<i4").tobytes()
        tensors.raw_contents.append(packed or numbers)
        tensor.ClearField("contents")
    rows = rows_of(PredictionEvent(tensors=tensors), (), None, {"zip", "vip", "x"})
    assert counts(baseline(), rows) == {"vip": (2, 1, {}), "x": (2, 1, {}), "zip": (3, 0, {})}


def test_a_stacked_tensor_of_texts_has_a_column_for_each_name() -> None:
    contents = TensorContents(bytes_contents=[b"10001", b"2.5", b"60601", b"3"])
    stacked = Tensor(name="input", datatype="BYTES", shape=[2, 2], contents=contents)
    event = PredictionEvent(tensors=TensorInput(tensors=[stacked]))
    (block,) = rows_of(event, ["zip", "x"], None, {"zip", "x"})
    assert isinstance(block, Block)
    assert block.texts == {"zip": ["10001", "60601"], "x": ["2.5", "3"]}


@pytest.mark.parametrize(
    "raw", [b"\x05\x00\x00\x00abc", b"\x05\x00", b"\xff\xff\xff\xff"], ids=["a text", "a size", "too much"]
)
def test_texts_that_are_cut_off_and_prompts_are_no_rows(raw: bytes) -> None:
    torn = TensorInput(tensors=[Tensor(name="zip", datatype="BYTES", shape=[1])], raw_contents=[raw])
    assert rows_of(PredictionEvent(tensors=torn), (), None, {"zip"}) == []
    assert (
        rows_of(PredictionEvent(tensors=TensorInput(tensors=[TENSORS.tensors[3]])), (), None, {"zip"}) == []
    )


SPELT: dict[str, tuple[list[str], str, str]] = {
    "a truth of pandas": (["False", "True"], "true", "True"),
    "a truth as a number": (["false", "true"], "1", "true"),
    "a number as a truth": (["0", "1"], "True", "1"),
    "a whole number with a fraction": (["0.0", "1.0"], "1", "1.0"),
    "one without": (["0", "1"], "1.0", "1"),
    "itself before all others": (["1", "1.0"], "1.0", "1.0"),
    "of more than two, 1 is not true": (["1", "2", "3"], "true", "true"),
    "zeros before a number, which are a part of its name": (["7"], "007", "007"),
    "an own fraction": (["1.5"], "1.50", "1.50"),
}


@pytest.mark.parametrize(("known", "given", "read"), SPELT.values(), ids=SPELT)
def test_a_name_counts_as_the_one_of_the_baseline_that_it_is(known: list[str], given: str, read: str) -> None:
    assert respelt(Counter({given: 3}), Vocabulary(tuple(known))) == {read: 3}


def test_answers_are_spelt_as_the_baseline_has_them() -> None:
    said = [Row(NOW, said=Said([label], [None])) for label in ("true", "True", "false", "maybe")]
    assert counts(baseline(Role.PREDICTION), said)["vip"] == (3, 0, {"maybe": 1})


@pytest.mark.parametrize(
    ("number", "name"), [(-0.0, "0"), (-7.0, "-7"), (1e15, "1" + "0" * 15), (1e300, "1e+300"), (0.1, "0.1")]
)
def test_numbers_have_names_that_are_short_and_read_as_they_are(number: float, name: str) -> None:
    assert name_of(number) == name
    assert number_of(name) == number


@pytest.mark.parametrize("text", ["", "x", "1_0", "nan", "-inf", "1,5", "0x10"])
def test_texts_that_are_no_numbers(text: Any) -> None:
    assert number_of(text) is None
