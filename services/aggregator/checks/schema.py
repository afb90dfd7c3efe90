"""A JSON Schema that an answer must meet (draft 2020-12)."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import re2
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from services.aggregator.canonical import Json

LARGEST = 65_536
# Keywords that would run expressions of Python's, which can take forever on what a model says.
REFUSED = ("patternProperties",)


class BadSchema(ValueError):
    """What is no schema, or none that is checked here."""


def _pattern(_validator: Validator, pattern: str, value: object, _schema: object) -> Iterator[Any]:
    if isinstance(value, str) and not re2.search(pattern, value):
        yield jsonschema.ValidationError(f"{value[:80]!r} does not match {pattern!r}")


_Validator = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})


class Schema:
    """A compiled schema. Nothing outside it is read: a $ref leads into itself."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Raises BadSchema."""
        self.given = dict(given)
        _refuse(self.given, "")
        try:
            _Validator.check_schema(self.given)
        except jsonschema.SchemaError as wrong:
            where = "/".join(str(part) for part in wrong.absolute_path)
            raise BadSchema(f"no JSON Schema at /{where}: {wrong.message[:200]}") from wrong
        self._validator = _Validator(self.given, registry=Registry())

    def complaint(self, value: Json) -> str:
        """What is wrong with the value, and where; empty if it meets the schema. Raises BadSchema for a $ref
        that leads nowhere, which no look at the schema alone finds."""
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
