"""CEL as it may be written here, whoever evaluates it and whatever it speaks of: one rule for the service
that stores a condition and the one that is handed it. The text is cut into tokens, of the subset of CEL's
alphabet that conditions need; CEL's own parser has the last word."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import cel

# Bytes of UTF-8. A rule longer than this is a program; it also bounds how long one evaluation can take.
LONGEST = 1024
# Functions may look at whole texts; operators look at numbers and names.
MOST_CALLS = 20
# CEL's comprehensions: four nested ones over sixty items take seconds, and nothing can interrupt them.
MACROS = frozenset(
    {"all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap"}
)

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f]+|//[^\n]*)
  | (?P<double>[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
  | (?P<unsigned>(?:0x[0-9a-fA-F]+|[0-9]+)[uU])
  | (?P<integer>0x[0-9a-fA-F]+|[0-9]+)
  | (?P<raw>[rR](?:"[^"\r\n]*"|'[^'\r\n]*'))
  | (?P<text>"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*')
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
# Signs of other languages, the longer ones first.
MEANT = (
    ("=>", ">="),
    ("=<", "<="),
    ("=", "== to compare"),
    ("&", "&&"),
    ("|", "||"),
    ("~", "matches(), as in plan.matches('^pro')"),
)
_PLACE = re.compile(r"<input>:1:(\d+): ")
_TRIPLE = ('"""', "'''")


# Everything that an evaluation raises; anything else is a fault of ours.
FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
KINDS = {float: "a number", int: "a number", str: "a text", dict: "a map", list: "a list"}


# Of CEL's standard library what the evaluator has, but for parts of times.
FUNCTIONS = (
    *("size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bytes"),
    *("type", "dyn", "duration", "timestamp", "has"),
)
_OF_TIMES = re.compile("get[A-Z][A-Za-z]+")


class BadCel(ValueError):
    """A text that cannot be a condition; the message says what is wrong, where, and what would be right."""


class Token(NamedTuple):
    """`kind` is a group of the pattern above, or "end"."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next character stands."""
        return self.start + len(self.text)


def tokens_of(text: str) -> list[Token]:
    """The tokens, an "end" last. Raises BadCel for what is too long, unreadable, or a comprehension."""
    if not text.strip():
        raise BadCel("is empty; write true for a condition that always holds")
    # Characters first: a megabyte is refused without being encoded.
    size = len(text) if len(text) > LONGEST else len(text.encode())
    if size > LONGEST:
        raise BadCel(f"has {size} bytes; at most {LONGEST} are allowed")
    found = [*_scan(text), Token("end", "", len(text))]
    for token, following in pairwise(found):
        if token.kind == "name" and token.text in MACROS and following.text == "(":
            raise BadCel(f"uses {token.text}(): comprehensions are not allowed, they can run for seconds")
    calls = sum(one.kind == "name" and two.text == "(" for one, two in pairwise(found))
    if calls > MOST_CALLS:
        raise BadCel(f"calls {calls} functions; at most {MOST_CALLS} are allowed")
    return found


def compiled(text: str) -> cel.Program:
    """The text as CEL compiles it. Raises BadCel with the first line of what CEL says."""
    try:
        return cel.compile(text)
    except ValueError as wrong:
        said = str(wrong).partition("ERROR: ")[2].partition("\n")[0] or str(wrong)
        place = _PLACE.match(said)
        if place is not None and "\n" not in text:
            said = f"{said[place.end() :]}, at character {place[1]}"
        raise BadCel(f"is no CEL: {said[:300]}") from wrong


def other_than_boolean(program: cel.Program, names: Mapping[str, Any]) -> str:
    """What is wrong with a condition that is neither true nor false of these names; empty where it is, or
    where it speaks of others too.

    >>> other_than_boolean(compiled("size(text)"), {"text": "x"})
    'is a number; a condition is true or false: compare it with something'
    >>> other_than_boolean(compiled("lower(text) == 'x'"), {"text": "x"})[:26]
    'calls lower(); there are s'
    """
    for name in program.functions():
        if name.isidentifier() and name not in FUNCTIONS and not _OF_TIMES.fullmatch(name):
            return f"calls {name[:100]}(); there are {', '.join(FUNCTIONS)}"
    try:
        found = program.execute(dict(names))
    except TypeError as wrong:
        return f"compares or computes with what does not go together: {str(wrong)[:150]}"
    except FAILURES:
        return ""
    if isinstance(found, bool):
        return ""
    kind = KINDS.get(type(found), "something else")
    return f"is {kind}; a condition is true or false: compare it with something"


def _scan(text: str) -> Iterator[Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise BadCel(f"cannot be read at character {place + 1}: {_unread(text[place : place + 20])}")
        kind, found = match.lastgroup or "", match.group()
        if kind in ("raw", "text"):
            _check_quotes(text, place + (kind == "raw"), match.end())
        if kind != "space":
            yield Token(kind, found, place)
        place = match.end()


def _unread(rest: str) -> str:
    meant = next((f"; write {right}" for sign, right in MEANT if rest.startswith(sign)), "")
    if rest[0] in "'\"":
        meant = "; the text that begins here does not end: write 'text'"
    return f"{rest!r}{meant}"


def _check_quotes(text: str, opening: int, end: int) -> None:
    """Raise BadCel for triple quotes, which CEL would read on to the closing three: what is text here
    would be code there."""
    if text.startswith(_TRIPLE, opening) or text[end : end + 1] in ("'", '"'):
        raise BadCel(f"has quotes next to each other at character {opening + 1}; write 'text'")
