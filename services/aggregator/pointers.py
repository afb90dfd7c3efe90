"""JSON pointers (RFC 6901): where in a JSON value something is."""

import re
from collections.abc import Sequence

from services.aggregator.canonical import Json

# No leading zeros, no signs.
INDEX = re.compile(r"0|[1-9][0-9]*")


def compiled(pointer: str) -> tuple[str, ...]:
    """The keys and indices on the way. Raises ValueError for what is no pointer.

    >>> compiled("/a~1b/0/~01")
    ('a/b', '0', '~1')
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"a JSON pointer that is empty or starts with / expected, got {pointer[:100]!r}")
    if re.search("~(?![01])", pointer):
        raise ValueError(f"~0 for ~ and ~1 for / expected in a JSON pointer, got {pointer[:100]!r}")
    # In this order: ~01 is ~1 and no slash.
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def resolve(value: Json, path: Sequence[str]) -> Json:
    """What is there. Raises LookupError, in the words of a message, where the way ends early."""
    for depth, part in enumerate(path):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise LookupError("nothing at /" + "/".join(path[: depth + 1]))
    return value
