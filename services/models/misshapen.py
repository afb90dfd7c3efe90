"""What is wrong with a reply in JSON, in words: looked for only once it could not be read."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

# What stands where nothing does.
NOTHING = object()
WORDS: dict[type, str] = {
    dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null",
    int: "a number", float: "a number",
}  # fmt: skip
NUMBER = (int, float)
LONGEST_SHOWN = 40


class Part(NamedTuple):
    """A place in a reply, "*" for every element of a list; what it may be, and in which words."""

    path: tuple[str | int, ...]
    types: type | tuple[type, ...]
    words: str
    optional: bool = False


_CALLS: tuple[str | int, ...] = ("tool_calls", "*")


def _said(where: tuple[str | int, ...]) -> tuple[Part, ...]:
    """What a message, or a piece of one, may hold."""
    calls = (*where, *_CALLS)
    return (
        Part((*where, "content"), str, "a text", optional=True),
        Part((*where, "refusal"), str, "a text", optional=True),
        Part((*where, "tool_calls"), list, "a list", optional=True),
        Part(calls, dict, "an object"),
        Part((*calls, "id"), str, "a text", optional=True),
    )


_FIRST: tuple[str | int, ...] = ("choices", 0)
_FUNCTION: tuple[str | int, ...] = (*_FIRST, "message", *_CALLS, "function")
COMPLETION = (
    Part((), dict, "an object"),
    Part(("choices",), list, "a list"),
    Part(_FIRST, dict, "an object"),
    Part((*_FIRST, "message"), dict, "an object"),
    *_said((*_FIRST, "message")),
    Part(_FUNCTION, dict, "an object"),
    Part((*_FUNCTION, "name"), str, "the name of a function"),
    Part((*_FIRST, "finish_reason"), str, "a text", optional=True),
    Part((*_FIRST, "logprobs"), dict, "an object", optional=True),
    Part((*_FIRST, "logprobs", "content"), list, "a list", optional=True),
    Part((*_FIRST, "logprobs", "content", "*", "logprob"), NUMBER, "a number"),
)
CHUNK = (
    Part((), dict, "an object"),
    Part(("choices",), list, "a list", optional=True),
    Part(("choices", "*"), dict, "an object"),
    Part(("choices", "*", "delta"), dict, "an object", optional=True),
    *_said(("choices", "*", "delta")),
    Part(("choices", "*", "delta", *_CALLS, "index"), int, "a number", optional=True),
    Part(("choices", "*", "delta", *_CALLS, "function"), dict, "an object", optional=True),
    Part(("choices", "*", "delta", *_CALLS, "function", "name"), str, "a text", optional=True),
    Part(("choices", "*", "delta", *_CALLS, "function", "arguments"), str, "a text", optional=True),
    Part(("choices", "*", "logprobs"), dict, "an object", optional=True),
)
EMBEDDINGS = (
    Part((), dict, "an object"),
    Part(("data",), list, "a list"),
    Part(("data", "*"), dict, "an object"),
    Part(("data", "*", "index"), int, "a number", optional=True),
    Part(("data", "*", "embedding"), (list, str), "a list of numbers, or base64 of them,"),
    Part(("data", "*", "embedding", "*"), NUMBER, "a number"),
)


def complaint(raw: bytes, parts: Sequence[Part], otherwise: str) -> str:
    """The first thing that is wrong with it, and what would have been right; `otherwise` where that is in
    none of `parts`.

    >>> complaint(b'{"choices": null}', COMPLETION, "")
    'choices: a list expected, got null'
    >>> complaint(b"<html>", COMPLETION, "")
    "JSON expected, got '<html>'"
    """
    try:
        body = json.loads(raw)
    except RecursionError:
        return "JSON of fewer levels expected"
    except ValueError:
        shown = raw[:LONGEST_SHOWN].decode(errors="replace")
        return f"JSON expected, got {shown!r}" if raw.strip() else "JSON expected, got nothing"
    for part in parts:
        for place, found in _found(body, part.path):
            empty = found is NOTHING or not found
            if not isinstance(found, part.types) and not (part.optional and empty):
                got = "nothing" if found is NOTHING else WORDS[type(found)]
                return f"{place or 'the whole'}: {part.words} expected, got {got}"
    return otherwise


def _found(value: Any, path: Sequence[str | int], place: str = "") -> Iterator[tuple[str, Any]]:
    """What is at the path, by the place as people write it; nothing of what is not even a place."""
    if not path:
        yield place, value
        return
    step, rest = path[0], path[1:]
    if isinstance(value, dict) and isinstance(step, str):
        yield from _found(value.get(step, NOTHING), rest, f"{place}.{step}" if place else step)
    elif isinstance(value, list) and step == "*":
        for index, one in enumerate(value):
            yield from _found(one, rest, f"{place}[{index}]")
    elif isinstance(value, list) and isinstance(step, int):
        yield from _found(value[step] if step < len(value) else NOTHING, rest, f"{place}[{step}]")
