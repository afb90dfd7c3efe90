"""JSON for people: what fits stands on one line, and the short fields of what does not share lines."""

import json
from typing import Any


def compact(value: Any, width: int, depth: int = 0, before: int = 0) -> str:
    """The value as JSON in lines of at most `width` characters, if its words allow.

    `depth` is how far its lines stand to the right, and `before` what else stands before the first.

    >>> print(compact({"a": 1, "b": [{"c": "long words"}, {"d": 2}], "e": 3, "f": 4}, 26))
    {"a": 1,
     "b": [
      {"c": "long words"},
      {"d": 2}],
     "e": 3, "f": 4}
    """
    flat = json.dumps(value, ensure_ascii=False)
    # Behind it there is room for a comma, or for everything that ends with it.
    if not isinstance(value, dict | list) or before + len(flat) < _room(width, depth):
        return flat
    inner = depth + 1
    if isinstance(value, list):
        ends = "[]"
        lines = [compact(one, width, inner) for one in value]
    else:
        ends = "{}"
        named = {f"{json.dumps(key)}: ": one for key, one in value.items()}
        fields = [name + compact(one, width, inner, len(name)) for name, one in named.items()]
        lines = _filled(fields, _room(width, inner))
    pad = "\n" + " " * inner
    # Behind a name the first line would not stand above the others.
    return ends[0] + (pad if before else "") + ("," + pad).join(lines) + ends[1]


def _room(width: int, depth: int) -> int:
    return width - 2 * depth


def _filled(fields: list[str], room: int) -> list[str]:
    """Fields of one line put together as long as they fit."""
    lines: list[str] = []
    for field in fields:
        joined = f"{lines[-1]}, {field}" if lines else field
        if lines and "\n" not in joined and len(joined) < room:
            lines[-1] = joined
        else:
            lines.append(field)
    return lines
