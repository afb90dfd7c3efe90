"""A JSON Schema that an answer must meet (draft 2020-12)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import re2
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from services.aggregator.canonical import Json
from services.foundation.schema_references import lost_reference

# Bytes of the schema as JSON.
LARGEST = 65_536
# A schema can double with each $ref in it: ten lines of one are a thousand looks at an answer, thirty a
# billion. Each takes some 50 microseconds.
MOST_REFERENCES = 2_000
# Keywords that would run expressions of Python's, which can take forever on what a model says.
REFUSED = ("patternProperties",)


class BadSchema(ValueError):
    """What is no schema, or none that is checked here."""


def _pattern(_validator: Validator, pattern: str, value: object, _schema: object) -> Iterator[Any]:
    if isinstance(value, str) and not re2.search(pattern, value):
        yield jsonschema.ValidationError(f"{value[:80]!r} does not match {pattern!r}")


# References that may still be followed; a look at an answer awaits nothing, so there is one at a time.
_left = [MOST_REFERENCES]
_follow = jsonschema.Draft202012Validator.VALIDATORS["$ref"]


def _reference(validator: Validator, ref: str, value: object, schema: object) -> Iterator[Any]:
    _left[0] -= 1
    if _left[0] < 0:
        raise BadSchema(f"at most {MOST_REFERENCES} references ($ref) may be followed for one answer")
    yield from _follow(validator, ref, value, schema) or ()


_Validator = extend(jsonschema.Draft202012Validator, {"pattern": _pattern, "$ref": _reference})


class Schema:
    """A compiled schema. Nothing outside it is read: a $ref leads into itself."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Raises BadSchema."""
        self.given = dict(given)
        if (size := len(json.dumps(self.given).encode())) > LARGEST:
            raise BadSchema(f"at most {LARGEST} bytes of JSON expected, got {size}")
        _refuse(self.given, "")
        # Of the schema of schemas, which a schema of this size cannot make much of.
        _left[0] = LARGEST
        try:
            _Validator.check_schema(self.given)
        except jsonschema.SchemaError as wrong:
            where = "/".join(str(part) for part in wrong.absolute_path)
            raise BadSchema(f"no JSON Schema at /{where}: {wrong.message[:200]}") from wrong
        if lost := lost_reference(self.given):
            raise BadSchema(lost)
        self._validator = _Validator(self.given, registry=Registry())

    def complaint(self, value: Json) -> str:
        """What is wrong with the value, and where; empty if it meets the schema. Raises BadSchema for a $ref
        that leads nowhere, which no look at the schema alone finds, or to too many others."""
        _left[0] = MOST_REFERENCES
        try:
            wrong = jsonschema.exceptions.best_match(self._validator.iter_errors(value))
        except (Unresolvable, RecursionError) as error:
            raise BadSchema(f"a $ref leads nowhere, or for ever: {str(error)[:100]}") from error
        if wrong is None:
            return ""
        where = "/".join(str(part) for part in wrong.absolute_path)
        return f"/{where}: {wrong.message[:200]}"


def _refuse(node: object, path: str) -> None:
    if isinstance(node, list):
        for index, each in enumerate(node):
            _refuse(each, f"{path}/{index}")
    elif isinstance(node, dict):
        for key, each in node.items():
            if key in REFUSED:
                raise BadSchema(f"{path}/{key}: not available; name the properties, or leave it out")
            if key == "pattern" and isinstance(each, str):
                _check_pattern(each, f"{path}/{key}")
            _refuse(each, f"{path}/{key}")


def _check_pattern(pattern: str, path: str) -> None:
    try:
        re2.compile(pattern)
    except re2.error as wrong:
        raise BadSchema(f"{path}: an RE2 expression expected: {wrong}") from wrong
