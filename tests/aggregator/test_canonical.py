"""JSON that means the same is equal, and what could be read in two ways is none."""

import doctest
import json
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator import alike, canonical, learnt, pointers, stopping, tolerance
from services.aggregator.alike import near
from services.aggregator.answers import Structure, Text
from services.aggregator.canonical import NotJson, key_of, parse
from services.aggregator.combiners import kinds
from services.aggregator.tolerance import Tolerance
from services.foundation.nesting import DEEPEST

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
steady = settings(derandomize=True, deadline=None, max_examples=80)


def key(text: str) -> str:
    return key_of(parse(text))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
        ("[1, 2.50]", "[1.0, 2.5]"),
        ("-0.0", "0"),
        ("1e2", "100"),
        ('"\\u00e9"', '"e\\u0301"'),
        ('{"\\u00e9": 1}', '{"e\\u0301": 1}'),
        (" 1 ", "1"),
    ],
)
def test_what_means_the_same_has_one_key(left: str, right: str) -> None:
    assert key(left) == key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [("[1, 2]", "[2, 1]"), ("1", "true"), ("0", "false"), ("1", '"1"'), ("null", "{}"), ("{}", "[]"),
     ("9007199254740993", "9007199254740992"), ('"a"', '"A"'), ('{"a": null}', "{}")],
)  # fmt: skip
def test_what_does_not_mean_the_same_has_two(left: str, right: str) -> None:
    assert key(left) != key(right)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "^JSON expected, and it ends in line 1, column 1$"),
        ("I'd say\nyes", r"""^JSON expected, got "I'd say\\nyes" in line 1, column 1$"""),
        ('{"a":\n ', "^JSON expected, and it ends in line 2, column 2$"),
        ('{"accept": true} so it is', "^JSON expected, got 'so it is' in line 1, column 18$"),
        ("{'a': 1}", "JSON expected, got"),
        ("[1,]", "JSON expected, got"),
        ("NaN", "finite numbers expected, got NaN"),
        ("[-Infinity]", "got -Infinity"),
        ("1e400", "finite numbers expected"),
        ("1" * 400, "finite numbers expected"),
        ("1" * 5000, "^JSON expected, whose integers have at most 4,300 digits$"),
        ('{"a": 1, "a": 2}', "each key once expected, got 'a' twice"),
        ('{"\\u00e9": 1, "e\\u0301": 2}', "each key once expected"),
        ('"\\ud800"', "texts that UTF-8 can carry"),
        ("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), f"at most {DEEPEST} levels"),
        ("[" * 100_000, f"at most {DEEPEST} levels"),
    ],
)
def test_what_is_no_json_is_told(text: str, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        parse(text)


def test_python_values_that_are_no_json_are_told() -> None:
    for value in (object(), {1: 2}, float("nan"), b"x"):
        with pytest.raises(NotJson):
            Structure(value)  # type: ignore[arg-type]


@steady
@given(value=values)
def test_a_canonical_value_stays_as_it_is_and_reads_back(value: Any) -> None:
    try:
        once = canonical.canonical(value)
    except NotJson:
        return
    assert canonical.canonical(once) == once
    assert parse(key_of(once)) == once
    assert key(json.dumps(value)) == key_of(once)


@steady
@given(given_values=st.lists(values, min_size=2, max_size=4))
def test_without_tolerance_near_is_equal(given_values: list[Any]) -> None:
    try:
        made = [canonical.canonical(value) for value in given_values]
    except NotJson:
        return
    keys = np.array([key_of(value) for value in made])
    same, apart = near(made, Tolerance())
    assert same.tolist() == (keys[:, None] == keys[None]).tolist()
    assert not apart[same].any()


def test_a_tolerance_must_be_a_finite_number_from_zero() -> None:
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="relative: a finite number from 0 expected"):
            Tolerance(relative=bad)


def test_a_fence_is_found_in_texts_of_any_length() -> None:
    """Whoever looks for its end from each of the blanks is still at it tomorrow."""
    blanks = " " * 1_000_000
    with pytest.raises(canonical.NotJson):
        canonical.parse_told("```json\n" + blanks)
    assert canonical.parse_told(f"```json\n{blanks}1{blanks}```") == 1


@pytest.mark.parametrize("module", [alike, canonical, kinds, learnt, pointers, stopping, tolerance])
def test_the_examples_are_true(module: Any) -> None:
    names = {"np": np, "Text": Text}
    result = doctest.testmod(sys.modules[module.__name__], extraglobs=names)
    assert result.attempted > 0
    assert result.failed == 0
