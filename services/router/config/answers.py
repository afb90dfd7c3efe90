"""What an ensemble says of answers: how they are found in a text, and when they will do."""

import re
import unicodedata
from typing import Any

import jsonschema
import re2
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from turnout.router.v1.ensemble_pb2 import Extraction

from services.foundation.cel_text import BadCel, compiled, other_than_boolean, tokens_of
from services.foundation.nesting import DEEPEST, is_too_deep
from services.foundation.schema_references import lost_reference
from services.router.config.problems import Problems

LONGEST_PATTERN = 256
# Instructions: a search may take 7 ns for each and each character of the text.
LARGEST_PROGRAM = 500
LEAST_LABELS, MOST_LABELS = 2, 1000
# Words of a label: the aggregator compares each place of a text with labels of each length.
MOST_WORDS = 10
LONGEST_RUBRIC = 32_768
# Bytes, serialized.
LARGEST_SCHEMA = 65_536
# Of what a condition on an answer can speak of one of each that is always of one kind; and all of it.
SAMPLE = {"label": "x", "confidence": 0.5, "probabilities": {"x": 0.5}, "value": 0.5, "text": "x"}
NAMES = ("label", "confidence", "probabilities", "value", "text", "json", "input")
WORD = re.compile(r"\w+|[^\w\s]")


def check_extraction(given: Extraction, field: str, problems: Problems) -> None:
    """An expression, a pointer, or labels: exactly one."""
    match given.WhichOneof("from"):
        case "regex":
            _expression(given.regex, f"{field}.regex", problems)
        case "json_pointer":
            check_pointer(given.json_pointer, f"{field}.json_pointer", problems)
        case "labels":
            _labels(list(given.labels.labels), f"{field}.labels.labels", problems)
        case _:
            problems.add(field, "needs one of regex, json_pointer and labels")


def check_pointer(pointer: str, field: str, problems: Problems) -> None:
    """A JSON pointer (RFC 6901)."""
    if said := wrong_pointer(pointer):
        problems.add(field, said)


def wrong_pointer(pointer: str) -> str:
    """What is wrong with it; empty if nothing is.

    >>> wrong_pointer("/items/0/a~1b"), wrong_pointer("items")
    ('', "empty, or beginning with /, such as /items/0; got 'items'")
    """
    if pointer and not pointer.startswith("/"):
        return f"empty, or beginning with /, such as /items/0; got {pointer[:100]!r}"
    if re.search("~(?![01])", pointer):
        return f"~0 for ~ and ~1 for / within it; got {pointer[:100]!r}"
    return ""


def check_text(text: str, field: str, problems: Problems) -> None:
    """A rubric, an instruction, a template: what goes into a prompt."""
    if len(text) > LONGEST_RUBRIC:
        problems.add(field, f"at most {LONGEST_RUBRIC} characters, got {len(text)}")


def check_schema(given: Struct, field: str, problems: Problems, deepest: int = DEEPEST) -> None:
    """A JSON Schema, draft 2020-12, whose expressions RE2 takes. deepest: levels that it may have."""
    if given.ByteSize() > LARGEST_SCHEMA:
        problems.add(field, f"at most {LARGEST_SCHEMA} bytes, got {given.ByteSize()}")
        return
    if is_too_deep(given, deepest):
        problems.add(field, f"JSON of at most {deepest} levels expected")
        return
    try:
        schema = MessageToDict(given)
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as wrong:
        where = "/".join(map(str, wrong.absolute_path))
        problems.add(field, f"is no JSON Schema at /{where}: {wrong.message[:200]}")
    except ValueError as wrong:
        problems.add(field, f"is no JSON: {str(wrong)[:200]}")
    else:
        _expressions(schema, "", field, problems)
        if lost := lost_reference(schema):
            problems.add(field, lost)


def check_condition(text: str, field: str, problems: Problems) -> frozenset[str]:
    """A CEL condition on an answer, within the limits of a router's conditions. The names that it reads; none
    where it is wrong."""
    try:
        tokens_of(text)
        program = compiled(text)
        names = frozenset(program.variables())
    except BadCel as wrong:
        problems.add(field, str(wrong))
        return frozenset()
    if strange := sorted(names.difference(NAMES)):
        problems.add(field, f"does not know {', '.join(strange)[:100]}; there are {', '.join(NAMES)}")
    elif said := other_than_boolean(program, SAMPLE):
        problems.add(field, said)
    return names


def _expression(pattern: str, field: str, problems: Problems) -> None:
    if not 1 <= len(pattern) <= LONGEST_PATTERN:
        problems.add(field, f"1 to {LONGEST_PATTERN} characters, got {len(pattern)}")
    elif said := _refused(pattern):
        problems.add(field, said)


def _refused(pattern: str) -> str:
    """What is wrong with an expression; empty if nothing is."""
    options = re2.Options()
    options.log_errors = False
    try:
        size = re2.compile(pattern, options).programsize
    except re2.error as wrong:
        said = wrong.args[0].decode(errors="replace") if isinstance(wrong.args[0], bytes) else str(wrong)
        return f"is no expression that RE2 takes: {said[:200]}"
    if size > LARGEST_PROGRAM:
        return f"at most {LARGEST_PROGRAM} instructions, got {size}: repeat less, as in a{{1,5}}"
    return ""


def _labels(labels: list[str], field: str, problems: Problems) -> None:
    if not LEAST_LABELS <= len(labels) <= MOST_LABELS:
        problems.add(field, f"{LEAST_LABELS} to {MOST_LABELS} labels, got {len(labels)}")
        return
    seen: dict[tuple[str, ...], str] = {}
    for place, label in enumerate(labels):
        words = tuple(WORD.findall(unicodedata.normalize("NFC", label).casefold()))
        if not words:
            problems.add(f"{field}[{place}]", f"a word, got {label[:100]!r}")
        elif len(words) > MOST_WORDS:
            problems.add(f"{field}[{place}]", f"at most {MOST_WORDS} words, got {len(words)}")
        elif words in seen:
            said = f"{label[:100]!r} cannot be told from {seen[words][:100]!r}: case and spaces do not count"
            problems.add(f"{field}[{place}]", said)
        seen.setdefault(words, label)


def _expressions(node: Any, path: str, field: str, problems: Problems) -> None:
    """Python's own expressions can take forever on what a model says: only those that RE2 takes are there."""
    if isinstance(node, list):
        for place, each in enumerate(node):
            _expressions(each, f"{path}/{place}", field, problems)
    if not isinstance(node, dict):
        return
    for key, each in node.items():
        if key == "patternProperties":
            problems.add(field, f"{path}/{key} is not available: name the properties, or leave it out")
        elif key == "pattern" and isinstance(each, str) and (said := _refused(each)):
            problems.add(field, f"{path}/{key} {said}")
        else:
            _expressions(each, f"{path}/{key}", field, problems)
