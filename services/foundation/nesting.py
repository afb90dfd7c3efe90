"""How deeply JSON may be nested in what the suite takes and gives."""

from google.protobuf.struct_pb2 import Struct, Value

# Readers of protobuf take a hundred messages within each other. A level of JSON is up to three of them, and
# up to eight stand around it where things are listed.
DEEPEST = 30
TOO_DEEP = f"JSON of at most {DEEPEST} levels expected"
# A verdict's schema stands two levels deep in what a verifier is asked for.
DEEPEST_VERDICT = DEEPEST - 2


def is_too_deep(given: Value | Struct, deepest: int = DEEPEST) -> bool:
    """Whether anything in it is in more than so many lists and objects."""
    level: list[Value | Struct] = [given]
    for _ in range(deepest + 1):
        level = [inner for one in level for inner in _within(one)]
        if not level:
            return False
    return True


def _within(given: Value | Struct) -> list[Value]:
    if isinstance(given, Struct):
        return list(given.fields.values())
    match given.WhichOneof("kind"):
        case "struct_value":
            return list(given.struct_value.fields.values())
        case "list_value":
            return list(given.list_value.values)
    return []
