"""Where references of a schema lead."""

import doctest
from typing import Any

import pytest

from services.foundation import schema_references
from services.foundation.schema_references import lost_reference


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$ref": "#/$defs/a", "$defs": {"a": True}},
        {"items": {"$ref": "#"}},
        {"anyOf": [{}, {"$ref": "#/anyOf/0"}]},
        {"$ref": "#/$defs/a%25b~0~1", "$defs": {"a%b~/": {}}},
        {"$id": "https://example.com/a", "$ref": "other"},
        {"properties": {"$ref": {"type": "string"}}},
    ],
    ids=str,
)
def test_what_is_there_is_found(schema: dict[str, Any]) -> None:
    assert lost_reference(schema) == ""


@pytest.mark.parametrize(
    "leads", ["https://example.com", "#/$defs", "#/a/0", "#/anyOf/9", "#/anyOf/x", "a", ""]
)
def test_what_is_not_is_told_with_its_place(leads: str) -> None:
    said = lost_reference({"anyOf": [{"not": {"$ref": leads}}]})
    assert said == f"/anyOf/0/not/$ref: a place in the schema, as in #/$defs/name, expected; got {leads!r}"


def test_the_examples_are_true() -> None:
    result = doctest.testmod(schema_references)
    assert result.attempted > 0
    assert result.failed == 0
