"""References within a JSON Schema (draft 2020-12): those that lead nowhere are found when it is written."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote


def lost_reference(schema: dict[str, Any]) -> str:
    """The first $ref that leads out of the schema, or to nothing in it, and what would be right; empty where
    there is none. Not judged where parts have names of their own ($id, $anchor).

    >>> lost_reference({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {}}})
    ''
    >>> lost_reference({"properties": {"a": {"$ref": "#/$defs/c"}}})
    "/properties/a/$ref: a place in the schema, as in #/$defs/name, expected; got '#/$defs/c'"
    """
    found = list(_references(schema, ""))
    if any(key in ("$id", "$anchor", "$dynamicAnchor") for key, _, _ in found):
        return ""
    for key, path, leads in found:
        # A schema that is nothing but itself never ends.
        endless = path == "/$ref" and leads == "#"
        if key == "$ref" and (endless or not _is_there(schema, leads)):
            return f"{path}: a place in the schema, as in #/$defs/name, expected; got {leads[:100]!r}"
    return ""


def _references(node: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Keys that begin with a dollar and have a text: key, path, text."""
    items: Any = enumerate(node) if isinstance(node, list) else node.items() if isinstance(node, dict) else ()
    for key, each in items:
        here = f"{path}/{key}"
        if isinstance(each, str) and isinstance(key, str) and key.startswith("$"):
            yield key, here, each
        yield from _references(each, here)


def _is_there(schema: Any, leads: str) -> bool:
    if not leads.startswith("#/"):
        return leads == "#"
    node = schema
    for part in unquote(leads[2:]).split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return False
    return isinstance(node, dict | bool)
