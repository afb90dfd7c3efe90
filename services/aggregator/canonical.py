"""JSON values in one form, so that what means the same is equal.

Keys are sorted; 1, 1.0 and 1e0 are one number, -0 is 0; texts and keys are in Unicode's form NFC. Arrays keep
their order, and true is not 1. In the spirit of RFC 8785 (JCS), which neither normalizes texts nor
refuses what a later reader could take in two ways.
"""

import json
import math
import unicodedata
from collections import Counter
from typing import TypeAlias

from services.foundation.nesting import DEEPEST, TOO_DEEP

# Models put JSON into a fence also where they are asked not to.
FENCE = "```"
LONGEST_SHOWN = 40

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class NotJson(ValueError):
    """What is no JSON value, or could be read in two ways."""


def canonical(value: object, level: int = 0) -> Json:
    """The same value in its one form. Raises NotJson, in the words of a message.

    >>> canonical({"b": 1.0, "a": [-0.0, True, "e\\u0301"]})
    {'a': [0, True, 'é'], 'b': 1}
    """
    if level > DEEPEST:
        raise NotJson(TOO_DEEP)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [canonical(each, level + 1) for each in value]
    if isinstance(value, dict):
        return _object(value, level)
    raise NotJson(f"a JSON value expected, got {type(value).__name__}")


def key_of(value: Json) -> str:
    """A text that two canonical values share exactly when they are equal.

    >>> key_of(canonical({"b": 2.50, "a": None}))
    '{"a":null,"b":2.5}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def parse(text: str) -> Json:
    """A JSON text as a canonical value. Raises NotJson."""
    try:
        return canonical(json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse))
    except NotJson:
        raise
    except RecursionError as wrong:
        raise NotJson(TOO_DEEP) from wrong
    except json.JSONDecodeError as wrong:
        rest = text[wrong.pos : wrong.pos + LONGEST_SHOWN]
        got = f"got {rest!r}" if rest else "and it ends"
        raise NotJson(f"JSON expected, {got} in line {wrong.lineno}, column {wrong.colno}") from wrong
    except ValueError as wrong:
        # All else that Python's reader refuses: it would convert no longer ones.
        raise NotJson("JSON expected, whose integers have at most 4,300 digits") from wrong


def parse_told(text: str) -> Json:
    """The same of a text by a model, which may have put its JSON into a Markdown fence. Raises NotJson.

    >>> parse_told('```json\\n{"a": 1}\\n```')
    {'a': 1}
    """
    # No regular expression: one would look for the end from each of a million blanks.
    told = text.strip()
    if not (told.startswith(FENCE) and told.endswith(FENCE)):
        return parse(text)
    language, line, inside = told[len(FENCE) : -len(FENCE)].partition("\n")
    named = language.strip()
    return parse(inside if line and (not named or named.isalpha()) else text)


def is_rounded(value: Json) -> bool:
    """Whether an integer in a canonical value is none that a double holds, as JSON values of protobuf do.

    >>> [is_rounded([{"id": 2**53 + more}]) for more in (0, 1)]
    [False, True]
    """
    if isinstance(value, dict):
        return any(map(is_rounded, value.values()))
    if isinstance(value, list):
        return any(map(is_rounded, value))
    return isinstance(value, int) and int(float(value)) != value


def _number(value: float) -> int | float:
    try:
        finite = math.isfinite(float(value))
    except OverflowError:
        finite = False
    if not finite:
        raise NotJson("finite numbers expected, of at most 1.8e308")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as wrong:
        raise NotJson("texts that UTF-8 can carry expected, got half of a surrogate pair") from wrong
    return unicodedata.normalize("NFC", value)


def _object(value: dict[object, object], level: int) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, each in value.items():
        if not isinstance(key, str):
            raise NotJson(f"keys that are texts expected, got {key!r}")
        name = _text(key)
        if name in found:
            raise NotJson(f"each key once expected, got {name!r} twice")
        found[name] = canonical(each, level + 1)
    return dict(sorted(found.items()))


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Python takes the last, others the first: no member meant both.
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise NotJson(f"each key once expected, got {twice!r} twice")
    return found


def _refuse(name: str) -> object:
    raise NotJson(f"finite numbers expected, got {name}")
