"""Checks that what is in Redis is what keys.py documents: every key known, every expiring one with a TTL."""

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from services.state import (
    access_keys,
    alert_keys,
    canary_keys,
    catalog_keys,
    concept_keys,
    drift_keys,
    evidence_keys,
    feedback_keys,
    keys,
    metric_keys,
    panel_keys,
    pin_keys,
    truth_keys,
)
from services.state.failures import MappedRedis

TYPES = {
    "Hash": "hash",
    "Stream": "stream",
    "String": "string",
    "Sorted set": "zset",
    "Set": "set",
    "List": "list",
    "Channel": "",
}

# Every key with its type and its milliseconds: asked one by one, they cost more than most tests.
LEFT = """
local found, cursor = {}, "0"
repeat
  local page = redis.call("SCAN", cursor, "COUNT", 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local kind = redis.call("TYPE", key)["ok"]
    -- Expired between the two looks.
    if kind ~= "none" then
      found[#found + 1], found[#found + 2], found[#found + 3] = key, kind, redis.call("PTTL", key)
    end
  end
until cursor == "0"
return found
"""

SPELLING = (
    keys,
    access_keys,
    alert_keys,
    canary_keys,
    catalog_keys,
    concept_keys,
    drift_keys,
    evidence_keys,
    feedback_keys,
    metric_keys,
    panel_keys,
    pin_keys,
    truth_keys,
)


class Documented(NamedTuple):
    """What keys.py says of a key."""

    name: str
    pattern: re.Pattern[str]
    type: str
    expires: bool


def functions() -> list[Callable[..., str]]:
    """Every function of keys.py and its fellows that spells a key."""
    return [
        function
        for module in SPELLING
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]


def documented(function: Callable[..., str]) -> Documented:
    """What a function says of its key. Raises AssertionError if it does not say all of it."""
    said = " ".join((function.__doc__ or "").split())
    name = function.__name__
    kind, _, rest = said.partition(".")
    assert kind in TYPES, f"{name}: the docstring begins with none of {', '.join(TYPES)}"
    assert re.search(r"\bwrites?\b", rest), f"{name}: who writes it?"
    assert re.search(r"\breads?\b", rest), f"{name}: who reads it?"
    assert ("Lives " in rest) != ("Expires " in rest), f"{name}: 'Lives ...' or 'Expires ...'?"
    return Documented(name, _pattern(function), TYPES[kind], "Expires " in rest)


async def check_keys(redis: MappedRedis) -> None:
    """Raises AssertionError for a key that nobody documents, of another type, or without the TTL it should
    have."""
    found = await redis.eval(LEFT, 0)
    for key, kind, milliseconds in zip(found[::3], found[1::3], found[2::3], strict=True):
        if not _fitting(kind.decode(), milliseconds > 0).fullmatch(key.decode()):
            _refuse(key.decode(), kind.decode(), milliseconds)


def _refuse(key: str, kind: str, milliseconds: int) -> None:
    table = [documented(function) for function in functions()]
    entries = [entry for entry in table if entry.pattern.fullmatch(key)]
    assert entries, f"{key} is documented nowhere in services/state/keys.py"
    raise AssertionError(f"{key} is a {kind} with TTL {milliseconds} ms; keys.py says {entries}")


@cache
def _fitting(kind: str, expires: bool) -> re.Pattern[str]:
    """What keys of a type look like that expire, or do not. Thousands of tests end with hundreds of keys:
    all patterns are one, made once."""
    table = [documented(function) for function in functions()]
    those = [entry for entry in table if entry.type == kind and (expires or not entry.expires)]
    return re.compile("|".join(f"(?:{entry.pattern.pattern})" for entry in those) or r"(?!)")


def _pattern(function: Callable[..., str]) -> re.Pattern[str]:
    arguments = {name: _sample(name) for name in inspect.signature(function).parameters}
    spelled = re.escape(function(**arguments))
    return re.compile(spelled.replace("p61", r"p\d\d").replace("4242", r"\d+").replace("anything", r".+"))


def _sample(name: str) -> int | str:
    return {"partition": 61, "minute": 4242}.get(name, "anything")
