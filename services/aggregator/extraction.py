"""What of a generated text is the answer, found before answers are combined.

A text in which it is not found, or more than one, is no answer: its member has failed, and is not guessed at.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import re2

from services.aggregator.answers import Answer, Classes, Numbers, Structure, Text
from services.aggregator.canonical import Json, NotJson, key_of, parse, parse_told
from services.aggregator.combiners.kinds import CLASSES, JSON, NUMBERS, TEXT
from services.aggregator.errors import Unreadable
from services.aggregator.pointers import compiled, resolve

LONGEST_PATTERN = 256
# Instructions: a search may take 7 ns for each and each character of the text, 0.1 s in all.
LARGEST_PROGRAM = 500
# Some 8,000 tokens.
LONGEST_TEXT = 32_768
MOST_LABELS = 1000
# Words of a label: each place of a text is compared with labels of each length.
MOST_WORDS = 10

TOKEN = re.compile(r"\w+|[^\w\s]")


class BadExtraction(ValueError):
    """A rule that finds nothing, whatever the text."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """A rule, and how to apply it."""

    find: Callable[[str], Answer]

    def read(self, text: str) -> Answer:
        """The answer in the text. Raises Unreadable, telling what was expected."""
        if len(text) > LONGEST_TEXT:
            said = f"at most {LONGEST_TEXT} characters are searched for an answer, got {len(text)}"
            raise Unreadable("text.content", said)
        return self.find(text)


def by_regex(pattern: str, kinds: Sequence[str]) -> Extraction:
    """The first group of the first match, or the whole match where there is no group, without white space
    around it. RE2: its time is linear in the text. `kinds` are those that the method takes, see `typed`.
    Raises BadExtraction.

    >>> by_regex(r"(?i)answer:\\s*(\\w+)", ("labels",)).read("I think ... Answer: Paris.").names
    ['Paris']
    """
    expression = _compiled(pattern)
    group = min(1, expression.groups)

    def find(text: str) -> Answer:
        # Bytes: for text RE2's wrapper cuts groups at the wrong places behind what is not ASCII.
        match = expression.search(text.encode())
        found = b"" if match is None else match.group(group) or b""
        said = found.decode(errors="replace").strip()
        if not said:
            raise Unreadable("text.content", f"no match for {pattern!r} in {_shown(text)}")
        return typed(said, kinds, written=True)

    return Extraction(find)


def by_pointer(pointer: str, kinds: Sequence[str]) -> Extraction:
    """What a JSON pointer (RFC 6901) leads to in the text, which is JSON, in a Markdown fence or not; an
    empty pointer takes all of it. Raises BadExtraction.

    >>> by_pointer("/verdict/0", ("labels",)).read('{"verdict": ["guilty", 0.9]}').names
    ['guilty']
    """
    try:
        path = compiled(pointer)
    except ValueError as wrong:
        raise BadExtraction(str(wrong)) from wrong

    def find(text: str) -> Answer:
        try:
            return typed(resolve(parse_told(text), path), kinds)
        except NotJson as wrong:
            raise Unreadable("text.content", f"{wrong}; the text is {_shown(text)}") from wrong
        except LookupError as wrong:
            raise Unreadable("text.content", f"{wrong.args[0]} in {_shown(text)}") from wrong

    return Extraction(find)


def by_labels(labels: Sequence[str]) -> Extraction:
    """The only one of these labels that the text names: as whole words, whatever their case and the white
    space between them; a label inside a longer one ("spam" in "not spam") is the longer one. What the text
    says of it, a negation too, is not understood. Raises BadExtraction.

    >>> by_labels(("yes", "no")).read("Yes, definitely.").names
    ['yes']
    """
    if not 2 <= len(labels) <= MOST_LABELS:
        raise BadExtraction(f"2 to {MOST_LABELS} labels expected, got {len(labels)}")
    words: dict[tuple[str, ...], int] = {}
    for place, label in enumerate(labels):
        key = tuple(_words(label))
        if len(key) > MOST_WORDS:
            raise BadExtraction(
                f"labels of at most {MOST_WORDS} words expected, got {len(key)} in {_shown(label)}"
            )
        if not key or key in words:
            other = f", and it reads as {labels[words[key]]!r} does" if key else ""
            raise BadExtraction(f"labels that can be told apart expected, got {label!r}{other}")
        words[key] = place
    lengths = sorted({len(key) for key in words}, reverse=True)

    def find(text: str) -> Answer:
        named = _named(_words(text), words, lengths)
        if len(named) != 1:
            said = " and ".join(repr(labels[place]) for place in named[:5]) or "none of them"
            raise Unreadable("text.content", f"one of the labels expected, got {said} in {_shown(text)}")
        return Classes(tuple(labels), np.array(named, dtype=np.int64))

    return Extraction(find)


def typed(found: Json, kinds: Sequence[str], *, written: bool = False) -> Answer:
    """What was found as an answer of one of `kinds`, those that a method takes: a number where numbers are
    taken, else any scalar but null as a label, else a text, else JSON; anything else is a structure.
    `written`: a text is the JSON itself, and no value out of it. Raises Unreadable for null that must be more
    than JSON, and for a text that must be JSON and is not.

    >>> [type(typed("4.0", kinds, written=True)).__name__ for kinds in (("numbers",), ("json",))]
    ['Numbers', 'Structure']
    """
    if isinstance(found, dict | list):
        return Structure(found)
    if found is None and (CLASSES in kinds or TEXT in kinds):
        raise Unreadable("text.content", "an answer expected, got null")
    if NUMBERS in kinds and (number := _number(found)) is not None:
        return Numbers(np.array([number]))
    said = found if isinstance(found, str) else key_of(found)
    if CLASSES in kinds:
        if not said.strip():
            raise Unreadable("text.content", "a label expected, got an empty text")
        return Classes((said.strip(),), np.zeros(1, dtype=np.int64))
    if TEXT in kinds:
        return Text(said)
    if JSON not in kinds:
        raise Unreadable("text.content", f"a number expected, got {_shown(said)}")
    try:
        return Structure(parse(found) if written and isinstance(found, str) else found)
    except NotJson as wrong:
        raise Unreadable("text.content", f"{wrong}, got {_shown(said)}") from wrong


def _compiled(pattern: str) -> Any:
    if not 1 <= len(pattern) <= LONGEST_PATTERN:
        raise BadExtraction(
            f"an expression of 1 to {LONGEST_PATTERN} characters expected, got {len(pattern)}"
        )
    options = re2.Options()
    options.log_errors = False
    try:
        found = re2.compile(pattern, options)
    except re2.error as wrong:
        said = wrong.args[0].decode(errors="replace") if isinstance(wrong.args[0], bytes) else str(wrong)
        raise BadExtraction(f"an expression that RE2 takes expected: {said[:200]}") from wrong
    if found.programsize > LARGEST_PROGRAM:
        raise BadExtraction(
            f"an expression of at most {LARGEST_PROGRAM} instructions expected, got {found.programsize}"
        )
    return found


def _number(found: Json) -> float | None:
    """The number that a scalar is, or that a text consists of; None for none."""
    try:
        value = parse(found) if isinstance(found, str) else found
    except NotJson:
        return None
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _words(text: str) -> list[str]:
    return TOKEN.findall(unicodedata.normalize("NFC", text).casefold())


def _named(tokens: Sequence[str], words: dict[tuple[str, ...], int], lengths: Sequence[int]) -> list[int]:
    """The labels that the tokens name, each once, in the order of their first mention."""
    found: dict[int, None] = {}
    at = 0
    while at < len(tokens):
        fits = (length for length in lengths if tuple(tokens[at : at + length]) in words)
        length = next(fits, 0)
        if length:
            found[words[tuple(tokens[at : at + length])]] = None
        at += length or 1
    return list(found)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
