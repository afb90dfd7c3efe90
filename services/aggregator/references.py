"""What a step of a graph is asked, made of the request and of what earlier steps have answered.

A reference names the request (`input`), one of its columns (`input.amount`), a step's answer (`draft`), a
part of it (`draft.label`, `draft.confidence`, `draft.probabilities.spam`, `draft.value`, `draft.text`), or a
place in the JSON of it (`draft#/items/0/price`, RFC 6901).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

INPUT = "input"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
WHOLE, COLUMN, POINTER, PROBABILITY = "", "column", "pointer", "probabilities"
PARTS = ("label", "confidence", "value", "text")

# Characters: some 250,000 tokens, more than most models read.
LONGEST_FILLED = 1_048_576

# Only what looks like a reference is one, so that the braces of JSON in a prompt need no escaping.
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:[.#][^{}]*)?)\}")

# The value of a reference; None where the step that it names was optional and did not answer.
Value = str | float | bool | None


class BadReference(ValueError):
    """A text that is no reference."""


class Unresolved(Exception):
    """The answer that a reference names has no such part."""


class Reference(NamedTuple):
    """`step` is INPUT or the name of a step; `part` one of PARTS or of the four above; `rest` the column, the
    label or the pointer."""

    step: str
    part: str = WHOLE
    rest: str = ""

    def __str__(self) -> str:
        if self.part == POINTER:
            return f"{self.step}#{self.rest}"
        named = self.rest if self.part == COLUMN else self.part
        more = f".{self.rest}" if self.part == PROBABILITY else ""
        return f"{self.step}.{named}{more}" if named else self.step


def parse(text: str) -> Reference:
    """Raises BadReference.

    >>> parse("draft.probabilities.spam")
    Reference(step='draft', part='probabilities', rest='spam')
    """
    name, sign, rest = _cut(text)
    if not NAME.fullmatch(name):
        raise BadReference(f"a reference begins with input or the name of a step, got '{text[:80]}'")
    if not sign:
        return Reference(name)
    if sign == "#":
        if name == INPUT:
            raise BadReference(f"a JSON pointer leads into a step's answer, and input is none: '{text[:80]}'")
        if rest and not rest.startswith("/"):
            raise BadReference(f"a JSON pointer begins with /, got '{text[:80]}'")
        return Reference(name, POINTER, rest)
    if name == INPUT:
        if not rest:
            raise BadReference("a column expected behind input.")
        return Reference(name, COLUMN, rest)
    part, _, label = rest.partition(".")
    if part == PROBABILITY and label:
        return Reference(name, part, label)
    if part not in PARTS or label:
        offered = ", ".join((*PARTS, "probabilities.LABEL"))
        raise BadReference(f"one of {offered} expected behind {name}., got '{rest[:80]}'")
    return Reference(name, part)


def _cut(text: str) -> tuple[str, str, str]:
    """The name, the first sign behind it, and the rest."""
    for place, sign in enumerate(text):
        if sign in ".#":
            return text[:place], sign, text[place + 1 :]
    return text, "", ""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with references in braces: `parts` are texts and references in turn."""

    parts: tuple[str | Reference, ...]

    @property
    def references(self) -> Iterator[Reference]:
        """Those in the text."""
        return (part for part in self.parts if isinstance(part, Reference))

    def fill(self, look: Callable[[Reference], Value]) -> str:
        """The text with what `look` finds for each reference; nothing in the place of None. Raises Unresolved
        where that makes it too long: an answer may be quoted a thousand times."""
        pieces, length = list[str](), 0
        for part in self.parts:
            pieces.append(part if isinstance(part, str) else said(look(part)))
            length += len(pieces[-1])
            if length > LONGEST_FILLED:
                raise Unresolved(f"at most {LONGEST_FILLED} characters expected of a template that is filled")
        return "".join(pieces)


def template(text: str) -> Template:
    """Raises BadReference for braces that look like a reference and are none.

    >>> template('Say {draft.text} as {"a": 1}.').parts
    ('Say ', Reference(step='draft', part='text', rest=''), ' as {"a": 1}.')
    """
    pieces = _PLACE.split(text)
    parts = (parse(piece) if index % 2 else piece for index, piece in enumerate(pieces))
    return Template(tuple(part for part in parts if part))


def said(value: Value) -> str:
    """A value in a text: whole numbers without a fraction.

    >>> said(3.0), said(0.25), said(True), said(None)
    ('3', '0.25', 'true', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
