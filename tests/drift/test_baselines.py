"""A baseline is made of sound columns, and says what is wrong with others."""

from typing import Any

import numpy as np
import pytest
from turnout.drift.v1.baseline_pb2 import Baseline as Message

from services.drift import wire
from services.drift.baselines import MAX_FEATURES, Baseline, measure_columns
from services.foundation.errors import InvalidArgument
from services.state.errors import NewerFormat

RNG = np.random.default_rng(6)
AMOUNT = [*RNG.lognormal(3, 1, 500).tolist(), float("nan"), float("inf"), float("-inf")]
CONTRACT = [*RNG.choice(["monthly", "yearly"], 502).tolist(), None]


def baseline() -> Baseline:
    rows, features = measure_columns({"amount": AMOUNT}, {"contract": CONTRACT}, {"amount": 2.0})
    return Baseline("b" * 32, "july", "models/churn", "m" * 32, rows, features, 1_760_000_000.25, "summer")


def test_columns_become_features_with_their_weight() -> None:
    made = baseline()
    assert made.rows == 503
    assert [(feature.name, feature.importance) for feature in made.features] == [
        ("amount", 2.0),
        ("contract", 1),
    ]
    assert made.name == "models/churn/baselines/july"


def test_a_baseline_survives_the_wire() -> None:
    message = Message.FromString(wire.write_baseline(baseline(), active=True).SerializeToString())
    back, made = wire.read_baseline(message), baseline()
    assert (back.uid, back.name, back.rows, back.create_time) == (
        made.uid,
        made.name,
        made.rows,
        made.create_time,
    )
    for found, feature in zip(back.features, made.features, strict=True):
        assert found.frame.id == feature.frame.id
        assert found.tally == feature.tally
        assert found.importance == feature.importance


def test_some_of_the_declared_columns_are_enough() -> None:
    rows, features = measure_columns({"a": [1.0]}, {}, {}, declared=["a", "b"])
    assert (rows, [feature.name for feature in features]) == (1, ["a"])


def test_the_schema_is_shown() -> None:
    amount, contract = wire.write_baseline(baseline(), active=True).features
    assert (amount.min, amount.max) == (min(AMOUNT[:500]), max(AMOUNT[:500]))
    assert (amount.nan, amount.positive_infinity, amount.negative_infinity) == (1, 1, 1)
    assert list(contract.categories) == ["monthly", "yearly"]
    assert contract.missing == 1


def test_a_newer_baseline_is_refused() -> None:
    message = wire.write_baseline(baseline(), active=True)
    message.format += 1
    with pytest.raises(NewerFormat, match="has format 2"):
        wire.read_baseline(message)


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({}, "columns", "is empty"),
    "lengths differ": (
        {"numeric": {"a": [1.0], "b": [1.0, 2.0]}},
        "columns.numeric['b']",
        "2 rows where 'a' has 1",
    ),
    "nothing finite": ({"numeric": {"a": [float("nan")]}}, "columns.numeric['a']", "no finite value"),
    "nothing named": (
        {"categorical": {"c": [None]}},
        "columns.categorical['c']",
        "no value that is not empty",
    ),
    "empty columns": ({"numeric": {"a": []}}, "columns.numeric['a']", "no finite value"),
    "a name twice": (
        {"numeric": {"a": [1.0]}, "categorical": {"a": ["x"]}},
        "columns.categorical['a']",
        "numeric column as well",
    ),
    "unknown importance": (
        {"numeric": {"a": [1.0]}, "importance": {"b": 1.0}},
        "importance['b']",
        "the columns are a",
    ),
    "negative importance": (
        {"numeric": {"a": [1.0]}, "importance": {"a": -1.0}},
        "importance['a']",
        "from 0 up, got -1",
    ),
    "no name": ({"numeric": {"": [1.0]}}, "columns.numeric['']", "has no name"),
    "no name among categories": (
        {"categorical": {"": ["x"]}, "declared": [""]},
        "columns.categorical['']",
        "has no name",
    ),
    "not of the model": (
        {"numeric": {"a": [1.0], "b": [1.0]}, "declared": ["a", "c"]},
        "columns.numeric['b']",
        "no column of the model's signature, which has a, c",
    ),
    "too many": ({"numeric": {f"f{i}": [1.0] for i in range(MAX_FEATURES + 1)}}, "columns", "at most 512"),
}


@pytest.mark.parametrize(("given", "field", "said"), WRONG.values(), ids=WRONG)
def test_unsound_columns_are_refused_by_name(given: dict[str, Any], field: str, said: str) -> None:
    full: dict[str, Any] = {"numeric": {}, "categorical": {}, "importance": {}} | given
    with pytest.raises(InvalidArgument) as refused:
        measure_columns(**full)
    assert any(
        violation.field == field and said in violation.description for violation in refused.value.fields
    )
