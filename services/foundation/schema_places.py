"""What a JSON Schema (draft 2020-12) says of a place in the values that meet it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

# These say more of a value than what is written beside them: what they allow is not judged.
JOINING = ("allOf", "anyOf", "oneOf", "if", "dependentSchemas", "$dynamicRef", "unevaluatedProperties")
# Of references to references.
LONGEST_CHAIN = 32


def place_in(schema: Any, parts: Sequence[str]) -> Any:
    """The schema of what is there in a value that meets `schema`, `parts` being the steps of a JSON pointer:
    True where it says nothing of it, False where nothing can be there, None where that is not judged.

    >>> verdict = {"properties": {"score": {"type": "number"}}}
    >>> place_in(verdict, ["score"]), place_in(verdict, ["accept"])
    ({'type': 'number'}, True)
    >>> place_in(verdict | {"additionalProperties": False}, ["accept"])
    False
    """
    node = _followed(schema, schema)
    for part in parts:
        if not isinstance(node, dict):
            break
        node = _followed(_step(node, part), schema)
    return node


def may_be(node: Any, *types: str) -> bool:
    """Whether what meets a schema that `place_in` found may be of one of the types.

    >>> may_be({"type": ["string", "null"]}, "number"), may_be({}, "number")
    (False, True)
    """
    said = _types(node) if isinstance(node, dict) else ()
    return not said or bool(set(said) & set(types))


def unreached(schema: Any, pointer: str) -> str:
    """Why no verdict that meets the schema has a boolean or a number at the pointer; empty where one may.

    >>> unreached({"type": "array"}, "/accept")
    'true, false or a score expected at /accept, and nothing can be there'
    """
    found, wanted = place_in(schema, _parts(pointer)), f"true, false or a score expected at {pointer}"
    if found is False:
        return f"{wanted}, and nothing can be there"
    if may_be(found, "boolean", "number", "integer"):
        return ""
    return f"{wanted}, and there is {' or '.join(_types(found))}"


def unnamed(schema: Any, pointer: str) -> bool:
    """Whether the schema says nothing of what the pointer leads to, and allows it.

    >>> unnamed({}, "/accept"), unnamed({"properties": {"accept": {}}}, "/accept")
    (True, False)
    """
    return place_in(schema, _parts(pointer)) is True


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _step(node: dict[str, Any], part: str) -> Any:
    named = node.get("properties", {})
    if part in named:
        # Named is named, whatever it may be.
        return {} if named[part] is True else named[part]
    if any(key in node for key in JOINING):
        return None
    found: list[Any] = []
    if may_be(node, "object"):
        found.append(node.get("additionalProperties", True))
    if may_be(node, "array") and part.isdecimal():
        first = node.get("prefixItems", [])
        found.append(first[int(part)] if int(part) < len(first) else node.get("items", True))
    # What one kind of value cannot have there, another may.
    return next((one for one in found if one is not False), False)


def _followed(node: Any, root: Any) -> Any:
    """The same where it is no reference alone, else what it leads to."""
    for _ in range(LONGEST_CHAIN):
        if not (isinstance(node, dict) and "$ref" in node):
            return node
        if len(node) > 1 + ("$defs" in node) or not str(node["$ref"]).startswith("#"):
            return None
        keys = _parts(unquote(node["$ref"][1:]))
        node = root
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
    return None


def _types(node: dict[str, Any]) -> tuple[str, ...]:
    said = node.get("type", ())
    return (said,) if isinstance(said, str) else tuple(said)
