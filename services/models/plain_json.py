"""A Struct as the JSON that was meant. All its numbers are doubles, and servers that read a schema refuse a
`maxItems` of 2.0."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from services.foundation.nesting import TOO_DEEP, is_too_deep
from services.models.problems import Problems

# Up to here a double holds every whole number; beyond, writing out its digits would claim too much.
EXACT = 2.0**53


def plain(given: Struct, path: str, problems: Problems) -> Any:
    """Whole numbers as such. What JSON cannot say goes to `problems`, and what is nested too deeply."""
    if is_too_deep(given):
        problems.add(path, TOO_DEEP)
        return {}
    try:
        return _whole(MessageToDict(given))
    except ValueError:
        problems.add(path, "JSON expected, which has no NaN and no infinity")
        return {}


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer() and abs(value) <= EXACT:
            return int(value)
        case dict():
            return {key: _whole(inner) for key, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
    return value
