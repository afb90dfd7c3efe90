"""JSON that fits a screen."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.demo.compact import compact

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(DOCUMENTS, st.integers(1, 100))
def test_it_is_the_same_document(document: Any, width: int) -> None:
    assert json.loads(compact(document, width)) == document


@pytest.mark.parametrize("width", [20, 40, 60])
def test_no_line_is_longer_than_it_must_be(width: int) -> None:
    document = {f"key{n}": [{"a": n, "b": "x" * 5}, n] for n in range(9)}
    lines = compact(document, width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) < len(json.dumps(document, indent=2).splitlines())


def test_short_fields_share_a_line() -> None:
    assert compact({"a": [1] * 9, "b": 1, "c": "d"}, 20).splitlines()[-1] == ' "b": 1, "c": "d"}'
