"""Checks that what is in Redis is what keys.py documents: every key known, every expiring one with a TTL."""

import inspect
import re
from collections.abc import Callable
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
    table = [documented(function) for function in functions()]
    found = [key.decode() async for key in redis.scan_iter(count=1000)]
    async with redis.pipeline() as pipe:
        for key in found:
            pipe.type(key)
            pipe.pttl(key)
        facts = await pipe.execute()
    for key, kind, milliseconds in zip(found, facts[::2], facts[1::2], strict=True):
        if milliseconds == -2:
            continue  # expired between the two looks
        entries = [entry for entry in table if entry.pattern.fullmatch(key)]
        assert entries, f"{key} is documented nowhere in services/state/keys.py"
        assert any(_fits(entry, kind.decode(), milliseconds) for entry in entries), (
            f"{key} is a {kind.decode()} with TTL {milliseconds} ms; keys.py says {entries}"
        )


def _fits(entry: Documented, kind: str, milliseconds: int) -> bool:
    return entry.type == kind and (milliseconds > 0 or not entry.expires)


def _pattern(function: Callable[..., str]) -> re.Pattern[str]:
    arguments = {name: _sample(name) for name in inspect.signature(function).parameters}
    spelled = re.escape(function(**arguments))
    return re.compile(spelled.replace("p61", r"p\d\d").replace("4242", r"\d+").replace("anything", r".+"))


def _sample(name: str) -> int | str:
    return {"partition": 61, "minute": 4242}.get(name, "anything")
